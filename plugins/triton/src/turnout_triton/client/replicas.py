"""Load balancing over the replicas of one server."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

from turnout.errors import BackendUnavailableError, DeadlineExceededError, NotReachedError, OverloadedError
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.failures import NotLoadedError, RefusedError
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.replica import Replica
from turnout_triton.client.reports import Reports
from turnout_triton.client.transport import Transport

Result = TypeVar("Result")


class Replicas:
    """Sends requests to the live servers in turn (round robin). Thread-safe.

    A server that is unavailable gets no requests for 0.1 s, then up to 0.4 s, unless all are; one that refused a request or
    hangs gets none until it is ready. A request that never reached its server, was refused before it ran, or met a full queue,
    goes to the next; one that broke off or is late does not, since the server may have run it. Reading the metadata runs
    nothing: each server gets its share of the time.
    """

    def __init__(self, transports: Sequence[Transport], servers: Sequence[str] = (), reports: Reports | None = None) -> None:
        names, states = servers or [""] * len(transports), (reports or Reports()).add_server
        self._replicas = [
            Replica(transport, server, states(transport)) for transport, server in zip(transports, names, strict=True)
        ]
        self._turns = itertools.count()  # next() is atomic under the GIL: no lock

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        return self._try_each(
            lambda transport, left: transport.infer(request, left), request.model, request.version, timeout_seconds
        )

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Generator[KServeResponse]:
        # A generator sends nothing before its first item is read; only then is it known whether the server was reached.
        first, rest = self._try_each(
            lambda transport, left: _start(transport.stream(request, left)), request.model, request.version, timeout_seconds
        )
        with contextlib.closing(rest):
            yield from first
            yield from rest

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._read(lambda transport, left: transport.metadata(model, version, left), model, version, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._read(lambda transport, left: transport.config(model, version, left), model, version, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return any(replica.transport.ready(model, version, timeout_seconds) for replica in self._replicas)

    def close(self) -> None:
        for replica in self._replicas:
            replica.close()

    def _in_turn(self) -> list[Replica]:
        """Return the live servers, the one whose turn it is first; then those in back-off, the earliest to end first."""
        start, now = next(self._turns) % len(self._replicas), time.monotonic()
        turned = self._replicas[start:] + self._replicas[:start]
        claimed = turned[0] if turned[0].claim_trial() else None
        # A stable sort keeps the turn.
        return sorted(turned, key=lambda replica: 0.0 if replica is claimed else replica.wait_seconds(now))

    def _try_each(self, call: Callable[[Transport, float], Result], model: str, version: str, timeout_seconds: float) -> Result:
        deadline = time.monotonic() + timeout_seconds
        refusals: list[BackendUnavailableError] = []
        for replica in self._in_turn():
            start = time.monotonic()
            try:
                result = _send(replica, call, remaining_seconds(deadline), model, version)
            except (OverloadedError, NotReachedError) as error:
                refusals.append(error)
            else:
                replica.pace.add_answer(start)
                return result
        raise _all_refused(refusals, model)

    def _read(self, call: Callable[[Transport, float], Result], model: str, version: str, timeout_seconds: float) -> Result:
        deadline = time.monotonic() + timeout_seconds
        errors: list[BackendUnavailableError] = []
        late: DeadlineExceededError | None = None
        order = self._in_turn()
        for untried, replica in zip(range(len(order), 0, -1), order, strict=True):
            try:
                return _send(replica, call, remaining_seconds(deadline) / untried, model, version)
            except BackendUnavailableError as error:
                errors.append(error)
            except DeadlineExceededError as error:
                late = error
        raise late or _all_refused(errors, model)


def _send(
    replica: Replica, call: Callable[[Transport, float], Result], timeout_seconds: float, model: str, version: str
) -> Result:
    """Call one server, and record what its answer or its error says about it."""
    number = replica.pace.begin()
    start = time.monotonic()
    try:
        result = call(replica.transport, timeout_seconds)
    except OverloadedError:  # a full queue is no outage: the server keeps its turn
        replica.end_trial()
        raise
    except BackendUnavailableError as error:
        replica.record_failure(error, model, version)
        raise
    except DeadlineExceededError as error:
        replica.record_late(error, start, model, version)
        raise
    except BaseException:  # the request's fault, or the model's: it says nothing about this server
        replica.end_trial()
        raise
    finally:
        replica.pace.end(number)
    replica.record_success()
    return result


def _all_refused(refusals: Sequence[BackendUnavailableError], model: str) -> BackendUnavailableError:
    """Return the error for a request that no server took; an overload if one of them may take it later."""
    kind: type[BackendUnavailableError] = next(
        (kind for kind in (NotLoadedError, RefusedError) if _are(refusals, kind)), NotReachedError
    )
    if any(isinstance(error, OverloadedError) for error in refusals):
        kind = OverloadedError
    reasons = " | ".join(dict.fromkeys(map(str, refusals)))
    return kind(f"none of the {len(refusals)} servers of model {model!r} took the request: {reasons}")


def _are(errors: Sequence[Exception], kind: type[Exception]) -> bool:
    return all(isinstance(error, kind) for error in errors)


def _start(responses: Generator[KServeResponse]) -> tuple[list[KServeResponse], Generator[KServeResponse]]:
    """Return the first response, if there is one, and the rest."""
    return list(itertools.islice(responses, 1)), responses
