"""Which requests of a queue run together, and when: the state of a batcher without its threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from turnout.batching.linger import Linger
from turnout.batching.queue import Depth, RequestQueue
from turnout.batching.queued import QueuedRequest, State
from turnout.batching.rules import BatchRules

_SOON_SECONDS = 1e-6


@dataclass(eq=False, slots=True)
class Batch:
    """Requests that run together.

    Attributes:
        requests: the requests, in the order of their rows.
        number: the place of this batch in the order of all.
    """

    requests: list[QueuedRequest]
    number: int


class Schedule:
    """Forms batches of queued requests for a number of instances. Not thread-safe: its owner holds a lock.

    One leader at a time forms a batch: it claims an instance, asks for the next batch until it gets one, runs it, and releases
    the instance. ``idle`` alone may be used without the lock, by a request that runs at once.

    Attributes:
        idle: one entry for each instance that runs nothing.
        queue: the requests that wait.
        forming: a leader forms a batch.
        linger: the short wait for requests that are about to arrive.
    """

    def __init__(
        self,
        rules: BatchRules,
        instances: int = 1,
        depth: Depth | None = None,
        late: Callable[[], object] = lambda: None,
    ) -> None:
        """Start empty; ``late`` is called for each request whose batch runs when its caller leaves."""
        self.rules = rules
        self._late = late
        self.idle: deque[None] = deque([None] * instances)
        self.queue = RequestQueue(rules, depth)
        self.forming = False
        self.linger = Linger(rules.max_rows)
        self._wanted = 0
        self._running = 0
        self._numbered = 0
        self._finished: dict[int, Batch] = {}
        self._next_to_leave = 0

    def claim(self) -> bool:
        """Claim an instance for a new leader; return False if no request waits, or another leader will take it."""
        if self.forming or not self.queue.waiting:
            return False
        try:
            self.idle.pop()
        except IndexError:
            return False
        self.forming = True
        return True

    def next_leader(self) -> QueuedRequest | None:
        """Return the request whose caller leads: the first whose thread can; None if there is none."""
        return next((queued for queued in self.queue if queued.can_lead), None)

    def completes_batch(self) -> bool:
        """Return whether a leader that waits should look at the queue again."""
        return self.forming and self.queue.waiting >= self._wanted

    def form(self, now: float) -> Batch | float | None:
        """Return the batch to run, or how many seconds to wait before asking again, or None if no request waits.

        None gives the instance back. Call ``take_late`` of the queue first.
        """
        candidates, full = self._candidates()
        if not candidates:
            self.resign()
            return None
        seconds = 0.0 if full else self._wait_seconds(candidates, now)
        if seconds > 0:
            return seconds
        return self._start(candidates, now)

    def form_at_once(self, now: float) -> Batch | None:
        """Claim an instance and return its batch, if one is complete."""
        if self.queue.waiting < self.linger.target or self.rules.delay_seconds or not self.claim():
            return None
        formed = self.form(now)
        if isinstance(formed, Batch):
            return formed
        if formed is not None:
            self.resign()
        return None

    def resign(self) -> None:
        """Give the instance back without a batch."""
        self.forming = False
        self.linger.end()
        self.idle.append(None)

    def finish(self, batch: Batch, seconds: float, now: float) -> list[Batch]:
        """Release the instance of ``batch``, which ran for ``seconds``, and return the batches whose responses may leave."""
        self._running -= len(batch.requests)
        self.idle.append(None)
        self.linger.executed(len(batch.requests), self._running + self.queue.waiting, seconds, now)
        if not self.rules.preserve_ordering:
            return [batch]
        self._finished[batch.number] = batch
        leaving = []
        while self._next_to_leave in self._finished:
            leaving.append(self._finished.pop(self._next_to_leave))
            self._next_to_leave += 1
        return leaving

    def abandon(self, queued: QueuedRequest) -> None:
        """Forget a request whose caller leaves; if its batch runs, the answer is thrown away."""
        if queued.state is State.WAITING and not queued.is_left:
            self.queue.remove(queued)
        elif queued.state is State.RUNNING and not queued.is_left:
            self._late()
        queued.is_left = True

    def drain(self) -> list[QueuedRequest]:
        """Remove and return all requests that wait."""
        waiting = list(self.queue)
        for queued in waiting:
            self.queue.remove(queued)
        return waiting

    def _candidates(self) -> tuple[list[QueuedRequest], bool]:
        """Return the requests that could run together, the oldest first, and whether they are to run without a wait."""
        chosen: list[QueuedRequest] = []
        rows, preferred, largest = 0, 0, self.rules.max_rows
        most = inf if self.rules.delay_seconds or self.rules.preferred else self.linger.most
        for queued in self.queue:
            if chosen and (queued.group != chosen[0].group or queued.group is None):
                if self.rules.preserve_ordering or chosen[0].group is None:
                    break
                continue
            if chosen and (rows + queued.rows > largest or len(chosen) >= most):
                return chosen[: preferred or len(chosen)], True
            chosen.append(queued)
            rows += queued.rows
            if rows in self.rules.preferred:
                preferred = len(chosen)
        if preferred:
            return chosen[:preferred], True
        return chosen, rows >= largest or (bool(chosen) and chosen[0].group is None)

    def _wait_seconds(self, candidates: list[QueuedRequest], now: float) -> float:
        if not self.rules.delay_seconds:
            self._wanted = self.linger.target - self._running
            return self.linger.wait_seconds(len(candidates) + self._running, now)
        # Each arrival may complete a preferred size.
        self._wanted = 0
        left = candidates[0].arrived + self.rules.delay_seconds - now
        return left if left > _SOON_SECONDS else 0.0

    def _start(self, requests: list[QueuedRequest], now: float) -> Batch:
        for queued in requests:
            self.queue.remove(queued)
            queued.state = State.RUNNING
            queued.queue_seconds = now - queued.arrived
        self._running += len(requests)
        self.forming = False
        self.linger.end()
        batch = Batch(requests, self._numbered)
        self._numbered += 1
        return batch
