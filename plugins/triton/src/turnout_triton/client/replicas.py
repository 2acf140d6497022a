"""Load balancing over the replicas of one server."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

from turnout.errors import BackendUnavailableError, NotReachedError, OverloadedError
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.transport import Transport

# With gRPC's own back-off of 0.5 s at most, a server that is back gets requests within 1 s.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.4

Result = TypeVar("Result")


class _Replica:
    """One server and its back-off.

    No lock: threads may write both values at once, and whichever value is last describes a real request.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.down_until = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    def record_failure(self) -> None:
        """Back off from this server, twice as long after each failure."""
        self.down_until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def record_success(self) -> None:
        """End the back-off."""
        if self.down_until:  # a read is cheaper than two writes that every good call would make
            self.down_until, self._pause = 0.0, _FIRST_PAUSE_SECONDS


class Replicas:
    """Sends requests to the live servers in turn (round robin). Thread-safe.

    A server that is unavailable gets no requests for 0.1 s, then up to 0.4 s, unless all are. A request that never reached its
    server, or met a full queue, goes to the next; one that broke off does not, since the server may have run it.
    """

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._replicas = [_Replica(transport) for transport in transports]
        self._turns = itertools.count()  # next() is atomic under the GIL: no lock

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        return self._try_each(lambda transport, left: transport.infer(request, left), timeout_seconds)

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Generator[KServeResponse]:
        # A generator sends nothing before its first item is read; only then is it known whether the server was reached.
        first, rest = self._try_each(lambda transport, left: _start(transport.stream(request, left)), timeout_seconds)
        with contextlib.closing(rest):
            yield from first
            yield from rest

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._try_each(lambda transport, left: transport.metadata(model, version, left), timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._try_each(lambda transport, left: transport.config(model, version, left), timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return any(replica.transport.ready(model, version, timeout_seconds) for replica in self._replicas)

    def close(self) -> None:
        for replica in self._replicas:
            replica.transport.close()

    def _in_turn(self) -> list[_Replica]:
        """Return the live servers, the one whose turn it is first; then those in back-off, the earliest to end first."""
        start, now = next(self._turns) % len(self._replicas), time.monotonic()
        turned = self._replicas[start:] + self._replicas[:start]
        return sorted(turned, key=lambda replica: max(replica.down_until - now, 0.0))  # a stable sort keeps the turn

    def _try_each(self, call: Callable[[Transport, float], Result], timeout_seconds: float) -> Result:
        deadline = time.monotonic() + timeout_seconds
        *others, last = self._in_turn()
        for replica in others:
            try:
                return self._call(replica, call, deadline)
            except (NotReachedError, OverloadedError):
                continue
        return self._call(last, call, deadline)

    def _call(self, replica: _Replica, call: Callable[[Transport, float], Result], deadline: float) -> Result:
        try:
            result = call(replica.transport, remaining_seconds(deadline))
        except OverloadedError:
            raise  # a full queue is no outage: the server keeps its turn
        except BackendUnavailableError:
            replica.record_failure()
            raise
        replica.record_success()
        return result


def _start(responses: Generator[KServeResponse]) -> tuple[list[KServeResponse], Generator[KServeResponse]]:
    """Return the first response, if there is one, and the rest."""
    return list(itertools.islice(responses, 1)), responses
