"""Load balancing over the replicas of one server."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

from turnout.errors import BackendUnavailableError, NotReachedError, OverloadedError
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.failures import NotLoadedError, RefusedError
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.replica import Replica
from turnout_triton.client.transport import Transport

Result = TypeVar("Result")


class Replicas:
    """Sends requests to the live servers in turn (round robin). Thread-safe.

    A server that is unavailable gets no requests for 0.1 s, then up to 0.4 s, unless all are; one that refused a request gets
    none until it is ready. A request that never reached its server, was refused before it ran, or met a full queue, goes to the
    next; one that broke off does not, since the server may have run it.
    """

    def __init__(self, transports: Sequence[Transport], servers: Sequence[str] = ()) -> None:
        names = servers or [""] * len(transports)
        self._replicas = [Replica(transport, server) for transport, server in zip(transports, names, strict=True)]
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
        return self._try_each(lambda transport, left: transport.metadata(model, version, left), model, version, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._try_each(lambda transport, left: transport.config(model, version, left), model, version, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return any(replica.transport.ready(model, version, timeout_seconds) for replica in self._replicas)

    def close(self) -> None:
        for replica in self._replicas:
            replica.close()

    def _in_turn(self) -> list[Replica]:
        """Return the live servers, the one whose turn it is first; then those in back-off, the earliest to end first."""
        start, now = next(self._turns) % len(self._replicas), time.monotonic()
        turned = self._replicas[start:] + self._replicas[:start]
        return sorted(turned, key=lambda replica: replica.wait_seconds(now))  # a stable sort keeps the turn

    def _try_each(self, call: Callable[[Transport, float], Result], model: str, version: str, timeout_seconds: float) -> Result:
        deadline = time.monotonic() + timeout_seconds
        refusals: list[BackendUnavailableError] = []
        for replica in self._in_turn():
            try:
                result = call(replica.transport, remaining_seconds(deadline))
            except OverloadedError as error:
                refusals.append(error)  # a full queue is no outage: the server keeps its turn
            except BackendUnavailableError as error:
                replica.record_failure(error, model, version)
                if not isinstance(error, NotReachedError):
                    raise
                refusals.append(error)
            else:
                replica.record_success()
                return result
        raise _all_refused(refusals, model)


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
