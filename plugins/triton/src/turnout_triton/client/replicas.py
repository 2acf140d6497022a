"""Several servers that answer alike."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

from turnout.errors import BackendUnavailableError, NotReachedError, OverloadedError
from turnout_triton.client.messages import Answer, Ask, Transport

# With gRPC's own back-off of 0.5 s at most, a server that is back is asked again within 1 s.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.4

Result = TypeVar("Result")


class _Replica:
    """One server with what its last requests told of it. Threads may write at once; each value is a whole truth."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.down_until = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    def failed(self) -> None:
        """Leave this server alone for a while, twice as long each time."""
        self.down_until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def answered(self) -> None:
        """Ask this server again in turn."""
        if self.down_until:
            self.down_until, self._pause = 0.0, _FIRST_PAUSE_SECONDS


class Replicas:
    """Asks the live servers in turn.

    A server that is unavailable is left alone for 0.1 s, then up to 0.4 s, unless all are. A request that never reached one, or
    met a full queue, goes to the next; one that broke off does not, since it may have been done. Thread-safe.
    """

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._replicas = [_Replica(transport) for transport in transports]
        self._turns = itertools.count()

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        return self._first(lambda transport, left: transport.infer(ask, left), timeout_seconds)

    def stream(self, ask: Ask, timeout_seconds: float) -> Generator[Answer]:
        first, rest = self._first(lambda transport, left: _begun(transport.stream(ask, left)), timeout_seconds)
        with contextlib.closing(rest):
            yield from first
            yield from rest

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._first(lambda transport, left: transport.metadata(model, version, left), timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._first(lambda transport, left: transport.config(model, version, left), timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return any(replica.transport.ready(model, version, timeout_seconds) for replica in self._replicas)

    def close(self) -> None:
        for replica in self._replicas:
            replica.transport.close()

    def _in_turn(self) -> list[_Replica]:
        """Return the live servers, beginning with the one whose turn it is; then those that rest."""
        start, now = next(self._turns) % len(self._replicas), time.monotonic()
        turned = self._replicas[start:] + self._replicas[:start]
        return sorted(turned, key=lambda replica: max(replica.down_until - now, 0.0))

    def _first(self, call: Callable[[Transport, float], Result], timeout_seconds: float) -> Result:
        deadline = time.monotonic() + timeout_seconds
        *others, last = self._in_turn()
        for replica in others:
            try:
                return self._asked(replica, call, deadline)
            except (NotReachedError, OverloadedError):
                continue
        return self._asked(last, call, deadline)

    def _asked(self, replica: _Replica, call: Callable[[Transport, float], Result], deadline: float) -> Result:
        try:
            result = call(replica.transport, max(0.001, deadline - time.monotonic()))
        except OverloadedError:
            raise
        except BackendUnavailableError:
            replica.failed()
            raise
        replica.answered()
        return result


def _begun(answers: Generator[Answer]) -> tuple[list[Answer], Generator[Answer]]:
    """Return the first answer, if there is one, and the rest."""
    return list(itertools.islice(answers, 1)), answers
