"""Idle instances of a model, and the requests that wait for one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

InstanceT = TypeVar("InstanceT")
_NEVER = float("inf")


class _Waiter(Generic[InstanceT]):
    """A request that waits. The one whose ``claim`` returns True decides what it gets."""

    __slots__ = ("_claims", "given")

    def __init__(self) -> None:
        self.given: Future[InstanceT] = Future()
        self._claims = [None]

    def claim(self) -> bool:
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True


class IdleInstances(Generic[InstanceT]):
    """Gives instances to requests: the one that was used last to the request that waits longest.

    Used last, because its weights are still in the caches: the requests of a lone caller that alternate between two need up
    to 8 % more CPU. An instance that failed is chosen after all others, and one whose rest has ended before them.

    Thread-safe without a lock: the changes of a deque are atomic, and each method that adds to one side looks for a partner on
    the other afterwards. So the garbage collector may end a stream, which gives its instance back, at any point of any method.
    """

    def __init__(self, instances: Iterable[InstanceT], clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = deque(reversed(list(instances)))
        self._count = len(self._idle)
        self._waiting: deque[_Waiter[InstanceT]] = deque()
        self._resting: deque[tuple[float, InstanceT]] = deque()
        self._clock = clock
        self._closed: Exception | None = None

    def take(self, deadline: float | None = None) -> InstanceT:
        """Return an idle instance, which ``give_back`` returns; blocks until there is one, or until ``deadline``.

        Raises:
            TimeoutError: ``deadline`` has passed.
        """
        if self._resting:
            self._wake()
        if not self._waiting:
            with suppress(IndexError):
                return self._idle.pop()
        waiter = _Waiter[InstanceT]()
        self._waiting.append(waiter)
        self._match()
        if self._closed is not None:
            self.close(self._closed)
        try:
            return self._wait(waiter, deadline)
        except BaseException:
            self._leave(waiter)
            raise

    def give_back(self, instance: InstanceT) -> None:
        """Make ``instance`` idle."""
        if self._resting:
            self._wake()
        self._idle.append(instance)
        self._match()

    def put_last(self, instance: InstanceT) -> None:
        """Make ``instance`` idle; it is chosen after all others."""
        self._idle.appendleft(instance)
        self._match()

    def suspend(self, instance: InstanceT) -> bool:
        """Keep ``instance`` from becoming idle until ``resume``; return False, and make it idle, if all others rest."""
        return self._rest(_NEVER, instance)

    def resume(self, instance: InstanceT, rest_seconds: float = 0.0) -> bool:
        """Make a suspended ``instance`` idle in ``rest_seconds``, or at once if all others rest; return whether it rests."""
        self._resting.remove((_NEVER, instance))
        if rest_seconds:
            return self._rest(self._clock() + rest_seconds, instance)
        self.put_last(instance)
        return False

    def close(self, error: Exception) -> None:
        """Raise ``error`` in every waiting ``take``, and in every later one that finds no idle instance."""
        self._closed = error
        while (waiter := self._next_waiter()) is not None:
            waiter.given.set_exception(error)

    def _wait(self, waiter: _Waiter[InstanceT], deadline: float | None) -> InstanceT:
        while True:
            now = self._clock()
            # A rest may end while every other instance is busy, and then only those who wait can notice.
            until = min((until for until, _ in tuple(self._resting)), default=_NEVER)
            until = until if deadline is None else min(until, deadline)
            try:
                return waiter.given.result(None if until == _NEVER else max(0.0, until - now))
            except TimeoutError:
                if deadline is not None and self._clock() >= deadline:
                    raise
                self._wake()

    def _leave(self, waiter: _Waiter[InstanceT]) -> None:
        if waiter.claim():
            with suppress(ValueError):
                self._waiting.remove(waiter)
        elif waiter.given.exception() is None:
            # It was given an instance at the last moment.
            self.give_back(waiter.given.result())

    def _rest(self, until: float, instance: InstanceT) -> bool:
        entry = (until, instance)
        self._resting.append(entry)
        if len(self._resting) < self._count:
            return True
        self._end_rest(entry)
        return False

    def _wake(self) -> None:
        now = self._clock()
        for entry in tuple(self._resting):
            if entry[0] <= now:
                self._end_rest(entry)

    def _end_rest(self, entry: tuple[float, InstanceT]) -> None:
        with suppress(ValueError):  # another thread was first
            self._resting.remove(entry)
            self._idle.append(entry[1])
        self._match()

    def _match(self) -> None:
        while self._idle and self._waiting:
            try:
                instance = self._idle.pop()
            except IndexError:
                return
            waiter = self._next_waiter()
            if waiter is None:
                # Around the loop again: a request may have come before the instance was back.
                self._idle.append(instance)
            else:
                waiter.given.set_result(instance)

    def _next_waiter(self) -> _Waiter[InstanceT] | None:
        """Return the longest waiting request, claimed; None without one."""
        while True:
            try:
                waiter = self._waiting.popleft()
            except IndexError:
                return None
            if waiter.claim():
                return waiter
