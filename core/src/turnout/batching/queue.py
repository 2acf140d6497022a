"""The queue of a model, by priority level."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from math import inf
from typing import Protocol

from turnout.batching.queued import QueuedRequest, State
from turnout.batching.rules import BatchRules
from turnout.errors import OverloadedError


class Depth(Protocol):
    """Counts the requests that wait, such as a gauge does."""

    enter: Callable[[None], object]
    leave: Callable[[], object]


class _Uncounted:
    def enter(self, _: None) -> None:
        """Count nothing."""

    def leave(self) -> None:
        """Count nothing."""


class RequestQueue:
    """Requests in the order in which they run: by level, in a level first those that have not waited too long.

    Not thread-safe: its owner holds a lock.

    Attributes:
        waiting: the number of requests.
    """

    def __init__(self, rules: BatchRules, depth: Depth | None = None) -> None:
        self._rules = rules
        self._depth = depth or _Uncounted()
        self._punctual: list[deque[QueuedRequest]] = [deque() for _ in rules.levels]
        self._delayed: list[deque[QueuedRequest]] = [deque() for _ in rules.levels]
        self._timed = 0
        self.waiting = 0

    def put(self, queued: QueuedRequest, now: float) -> None:
        """Add ``queued`` at the end of its level.

        Raises:
            OverloadedError: as many requests wait there as ``max_queue_size`` allows.
        """
        parameters = queued.request.parameters
        queued.level = level = self._rules.level_of(parameters) if parameters else self._rules.default_level
        rules = self._rules.levels[level]
        if rules.max_size and len(self._punctual[level]) + len(self._delayed[level]) >= rules.max_size:
            raise OverloadedError(
                f"{rules.max_size} requests wait for the model, as many as max_queue_size allows; retry later, or raise "
                "max_queue_size"
            )
        queued.arrived = now
        queued.times_out = now + rules.timeout_of(parameters)
        queued.delays = rules.delays
        queued.state = State.WAITING
        self._punctual[level].append(queued)
        self._count(queued, 1)

    def put_back(self, queued: Iterable[QueuedRequest]) -> None:
        """Add requests of a batch that did not run, in front of their levels."""
        for one in reversed(list(queued)):
            one.state = State.WAITING
            self._punctual[one.level].appendleft(one)
            self._count(one, 1)

    def remove(self, queued: QueuedRequest) -> None:
        """Remove ``queued``, which waits here."""
        punctual = self._punctual[queued.level]
        if punctual and punctual[0] is queued:
            punctual.popleft()
        else:
            (punctual if queued in punctual else self._delayed[queued.level]).remove(queued)
        self._count(queued, -1)

    def has_late(self, now: float) -> bool:
        """Return whether a request has waited too long."""
        return self._timed > 0 and any(queued.is_late(now) for queued in self)

    def take_late(self, now: float) -> list[QueuedRequest]:
        """Remove and return the requests that have waited too long; those whose policy says so wait on, behind the others."""
        if not self._timed:
            return []
        late = [queued for queued in self if queued.is_late(now)]
        for queued in late:
            self.remove(queued)
        for punctual, delayed in zip(self._punctual, self._delayed, strict=True):
            overdue = [queued for queued in punctual if now >= queued.times_out]
            for queued in overdue:
                punctual.remove(queued)
                delayed.append(queued)
        return late

    def __iter__(self) -> Iterator[QueuedRequest]:
        return chain.from_iterable(chain.from_iterable(zip(self._punctual, self._delayed, strict=True)))

    def _count(self, queued: QueuedRequest, step: int) -> None:
        self.waiting += step
        if step > 0:
            self._depth.enter(None)
        else:
            self._depth.leave()
        if queued.times_out != inf or queued.request.deadline is not None:
            self._timed += step
