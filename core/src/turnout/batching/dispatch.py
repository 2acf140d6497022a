"""Running the batches of a queue in the threads of those who wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from turnout.batching.callers import ThreadRequest, WakeChains, deliver
from turnout.batching.execution import Execution
from turnout.batching.leaders import LeaderThreads, PoolLeader
from turnout.batching.queued import QueuedRequest, State
from turnout.batching.schedule import Batch, Schedule

Leader = ThreadRequest | PoolLeader

_STAY_SECONDS = 0.001


class Dispatcher:
    """Runs queued requests, ``instances`` batches at a time, without threads of its own for callers that have one.

    One of those who wait leads: it forms a batch, when enough requests are there, runs it, and appoints the next leader before
    it returns to its own caller. A request that completes the batch takes the lead, since its thread is awake. Thread-safe:
    ``schedule`` changes under ``_lock``, which is not held during an execution.

    Attributes:
        schedule: the queue and the idle instances.
    """

    def __init__(
        self,
        schedule: Schedule,
        execution: Execution,
        leaders: LeaderThreads,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.schedule = schedule
        self._execution = execution
        self._leaders = leaders
        self._clock = clock
        self._lock = threading.Lock()
        self._leader: Leader | None = None
        self._chains = WakeChains()

    def enqueue(self, queued: QueuedRequest) -> None:
        """Let ``queued`` wait; raise OverloadedError if the queue is full."""
        with self._lock:
            schedule = self.schedule
            schedule.queue.put(queued, self._clock())
            if not schedule.completes_batch():
                self._appoint(queued)
            elif isinstance(queued, ThreadRequest):
                queued.leads = True
                before, self._leader = self._leader, queued
                if isinstance(before, PoolLeader):
                    before.wake()
            elif self._leader is not None:
                self._leader.wake()

    def wait(self, queued: ThreadRequest) -> None:
        """Return when ``queued`` has its answer; run batches meanwhile when it is its turn to lead.

        Raises:
            DeadlineExceededError: it has waited too long.
        """
        while not queued.is_delivered:
            if queued.leads:
                queued.leads = False
                self._lead(queued)
            elif not queued.wait(queued.patience_ends() - self._clock()):
                self.check_patience(queued)

    def check_patience(self, queued: QueuedRequest) -> None:
        """Raise DeadlineExceededError if ``queued`` has waited too long and has no answer; it is withdrawn then."""
        with self._lock:
            now = self._clock()
            if queued.is_delivered:
                return
            if queued.state is State.WAITING:
                error = queued.late_error(now) if queued.is_late(now) else None
            else:
                error = queued.late_answer(now)
            if error is not None:
                self._withdraw(queued)
                raise error

    def leave(self, queued: QueuedRequest) -> None:
        """Forget a request whose caller does not wait any more."""
        with self._lock:
            self._withdraw(queued)

    def go_on(self, queued: ThreadRequest) -> None:
        """Wake the next caller, if that of ``queued``, which waits no more, is to do so."""
        if queued.in_chain:
            self._chains.pass_on()

    def free(self) -> None:
        """Let the next requests run, after a request that did not wait has given its instance back."""
        with self._lock:
            self._appoint()

    def drain(self, error: Callable[[], Exception]) -> None:
        """Fail every request that waits, each with its own ``error``, and end the threads."""
        with self._lock:
            waiting = self.schedule.drain()
            for queued in waiting:
                queued.fail(error())
            if self._leader is not None:
                self._leader.wake()
            woken = deliver(waiting)
        woken.wake(self._chains)
        self._leaders.close()

    def _lead(self, leader: Leader) -> None:
        """Form the next batch and run it, and those that follow soon."""
        batch = self._form(leader)
        ends: float | None = None
        while batch is not None:
            started = time.perf_counter()
            try:
                self._execution.run(batch.requests)
            finally:
                seconds, now = time.perf_counter() - started, self._clock()
                # To wake another leader takes longer than a small model runs. The leader's own caller waits for a few of those.
                ends = now + _STAY_SECONDS if ends is None else ends
                goes_on = isinstance(leader, PoolLeader) or (seconds < _STAY_SECONDS and now < ends)
                batch = self._finish(batch, seconds, leader, goes_on=goes_on)

    def _finish(self, batch: Batch, seconds: float, leader: Leader, *, goes_on: bool) -> Batch | None:
        """Let the callers of ``batch`` go, and return the next batch if this thread is to run it."""
        with self._lock:
            schedule = self.schedule
            # An exception from a signal handler ended the leader: the others wait for the next one.
            unanswered = [queued for queued in batch.requests if queued.state is State.RUNNING and not queued.is_left]
            schedule.queue.put_back(unanswered)
            leaving = schedule.finish(batch, seconds, self._clock())
            woken = deliver((queued for left in leaving for queued in left.requests), leader)
            following = self._form_at_once() if goes_on and not unanswered else None
            if isinstance(leader, ThreadRequest):
                leader.can_lead = following is None
            # The next batch starts before the callers of this one wake.
            stays = isinstance(leader, PoolLeader) and following is None and not unanswered
            self._appoint(leader if stays else None)
        woken.wake(self._chains)
        return self._form(leader) if stays and self._leader is leader else following

    def _form_at_once(self) -> Batch | None:
        """Return the next batch if it is complete; requests that are late are left to the next leader."""
        now = self._clock()
        return None if self.schedule.queue.has_late(now) else self.schedule.form_at_once(now)

    def _form(self, leader: Leader) -> Batch | None:
        """Return the next batch; None if nothing waits, if the leader's request has its answer, or if another leads now."""
        while True:
            formed: Batch | float | None = None
            with self._lock:
                now = self._clock()
                late = self.schedule.queue.take_late(now)
                for queued in late:
                    queued.fail(queued.late_error(now))
                woken = deliver(late)
                if self._leader is leader:
                    formed = self._formed(leader, now)
            woken.wake(self._chains)
            if not isinstance(formed, float):
                break
            ends = formed if isinstance(leader, PoolLeader) else min(formed, leader.patience_ends() - now)
            leader.wait(ends)
        return formed

    def _formed(self, leader: Leader, now: float) -> Batch | float | None:
        formed: Batch | float | None = None
        if isinstance(leader, ThreadRequest) and leader.state is not State.WAITING:
            self.schedule.resign()
        else:
            formed = self.schedule.form(now)
            if isinstance(leader, ThreadRequest):
                # The batch may be of others, while its own request waits: another thread is to run that.
                leader.can_lead = not isinstance(formed, Batch)
        if not isinstance(formed, float):
            self._leader = None
            self._appoint()
        return formed

    def _appoint(self, present: QueuedRequest | PoolLeader | None = None) -> None:
        """Appoint the next leader if an instance is idle and requests wait; ``present`` is one whose thread is awake."""
        if not self.schedule.claim():
            return
        leader = present if isinstance(present, ThreadRequest) else self.schedule.next_leader()
        if isinstance(leader, ThreadRequest):
            self._leader = leader
            leader.leads = True
            if leader is not present:
                leader.wake()
        else:
            self._leader = present if isinstance(present, PoolLeader) else self._leaders.start(self._lead)

    def _withdraw(self, queued: QueuedRequest) -> None:
        self.schedule.abandon(queued)
        if self._leader is queued:
            self._leader = None
            self.schedule.resign()
            self._appoint()
