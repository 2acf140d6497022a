"""Dynamic batching."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from turnout.batching.callers import LoopRequest, ThreadRequest, wake_callers
from turnout.batching.execution import Execution
from turnout.batching.leaders import LeaderThreads
from turnout.batching.queued import QueuedRequest, State
from turnout.batching.rows import count_rows
from turnout.batching.rules import BatchRules
from turnout.batching.schedule import Batch, Schedule
from turnout.errors import ClosedError, OverloadedError, TurnoutError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.batching import BatchMeter
from turnout.middleware.base import Middleware

_NO_WAIT = (0.0,)


class DynamicBatcher(Middleware):
    """Merges concurrent requests into batches; a request that finds the model idle runs at once, in its caller's thread.

    While a batch runs, other requests queue. When it ends, a caller that waits becomes the leader: its thread forms the next
    batch and runs it for all of them. For requests of event loops a thread of this object leads. At most ``instances`` batches
    run at a time. Streams are not merged. Thread-safe: ``_schedule`` changes under ``_lock``, which is not held during an
    execution, but for its ``idle``, whose operations are atomic. A forked child starts with an empty queue.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        backend: str,
        rules: BatchRules,
        meter: BatchMeter,
        *,
        refused: Callable[[], object],
        instances: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._model = model
        self._backend = backend
        self._rules = rules
        self._instances = instances
        self._meter = meter
        self._refused = refused
        self._clock = clock
        self._execution = Execution(inner.infer, model, backend, meter.executed, clock)
        self._leaders = LeaderThreads(f"turnout-batch-{model}", instances)
        # A request that runs at once has no place in an order, and no time to wait for others.
        self._may_run_at_once = not rules.delay_seconds and not (rules.preserve_ordering and instances > 1)
        self._closed = False
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with an empty queue: the parent's callers do not exist here."""
        self._lock = threading.Lock()
        self._schedule = Schedule(self._rules, self._instances, self._meter.waiting)
        self._leader: QueuedRequest | None = None
        # Released when a leader that waits for more requests should look again.
        self._arrival = threading.Lock()
        self._arrival.acquire()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        schedule = self._schedule
        if not self._may_run_at_once or schedule.queue.waiting or schedule.linger.expected > 1:
            return self._infer_queued(request)
        try:
            schedule.idle.pop()
        except IndexError:
            return self._infer_queued(request)
        started = time.perf_counter()
        try:
            return self._infer(request)
        finally:
            self._free(schedule, request, time.perf_counter() - started)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        queued = LoopRequest(request, asyncio.get_running_loop())
        try:
            self._enqueue(queued)
            while not await queued.wait(queued.patience_ends() - self._clock()):
                if self._gives_up(queued):
                    break
        except BaseException:
            self._leave(queued)
            raise
        return self._result(queued)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            waiting = self._schedule.drain()
            for queued in waiting:
                queued.fail(self._closed_error())
            self._wake_leader()
        wake_callers(waiting)
        self._leaders.close()
        super().close()

    def _infer_queued(self, request: InferenceRequest) -> InferenceResponse:
        queued = ThreadRequest(request)
        try:
            self._enqueue(queued)
            self._wait(queued)
        except BaseException:
            self._leave(queued)
            raise
        return self._result(queued)

    def _free(self, schedule: Schedule, request: InferenceRequest, seconds: float) -> None:
        """Release the instance of ``request``, which did not wait in the queue and ran for ``seconds``."""
        # The instance is free first and the queue is read second; ``_enqueue`` does it the other way round.
        schedule.idle.append(None)
        if schedule.queue.waiting:
            with self._lock:
                self._appoint()
        self._meter.executed(seconds, count_rows(request), _NO_WAIT)

    def _enqueue(self, queued: QueuedRequest) -> None:
        with self._lock:
            if self._closed:
                raise self._closed_error()
            try:
                self._schedule.queue.put(queued, self._clock())
            except OverloadedError as error:
                error.locate(self._model, self._backend)
                self._refused()
                raise
            if self._schedule.completes_batch():
                self._wake_leader()
            else:
                self._appoint(queued)

    def _wait(self, queued: ThreadRequest) -> None:
        """Return when ``queued`` has an answer; run batches meanwhile when it is its turn to lead."""
        while True:
            if queued.leads:
                queued.leads = False
                self._lead(queued)
            elif not queued.wait(queued.patience_ends() - self._clock()):
                if self._gives_up(queued):
                    return
            elif queued.is_answered():
                return

    def _lead(self, own: QueuedRequest | None = None) -> None:
        """Form the next batch and run it; ``own`` is the request of this thread's caller."""
        batch = self._form(own)
        if batch is None:
            return
        started = time.perf_counter()
        try:
            self._execution.run(batch.requests)
        finally:
            seconds = time.perf_counter() - started
            with self._lock:
                # An exception from a signal handler ended the leader: the others wait for the next one.
                self._schedule.queue.put_back(one for one in batch.requests if one.state is State.RUNNING)
                leaving = self._schedule.finish(batch, seconds)
                # The next batch starts before the callers of this one wake.
                self._appoint()
            wake_callers(queued for left in leaving for queued in left.requests)

    def _form(self, own: QueuedRequest | None) -> Batch | None:
        while True:
            formed: Batch | float | None = None
            with self._lock:
                now = self._clock()
                late = self._schedule.queue.take_late(now)
                for queued in late:
                    queued.fail(queued.late_error(now))
                if own is None or own.state is State.WAITING:
                    formed = self._schedule.form(now)
                else:
                    self._schedule.resign()
                if not isinstance(formed, float):
                    self._leader = None
                    self._appoint()
            wake_callers(late)
            if not isinstance(formed, float):
                return formed
            ends = formed if own is None else min(formed, own.patience_ends() - now)
            self._arrival.acquire(timeout=max(0.0, ends))

    def _appoint(self, present: QueuedRequest | None = None) -> None:
        """Appoint the next leader if an instance is idle and requests wait; ``present`` is one whose thread is running now."""
        if not self._schedule.claim():
            return
        leader = present if isinstance(present, ThreadRequest) else self._schedule.next_leader()
        if isinstance(leader, ThreadRequest):
            self._leader = leader
            leader.leads = True
            if leader is not present:
                leader.wake()
        else:
            self._leaders.start(self._lead)

    def _wake_leader(self) -> None:
        if self._arrival.locked():
            self._arrival.release()

    def _gives_up(self, queued: QueuedRequest) -> bool:
        """Return whether ``queued``, whose time is over, has an answer now: an error, or the response that just came."""
        with self._lock:
            if queued.state is State.ANSWERED:
                return not self._rules.preserve_ordering
            now = self._clock()
            if queued.state is not State.WAITING:
                error = queued.late_answer(now)
            else:
                error = queued.late_error(now) if queued.is_late(now) else None
            if error is None:
                return False
            self._withdraw(queued)
            queued.fail(error)
            return True

    def _leave(self, queued: QueuedRequest) -> None:
        """Forget a request whose caller does not wait any more."""
        with self._lock:
            self._withdraw(queued)

    def _withdraw(self, queued: QueuedRequest) -> None:
        self._schedule.abandon(queued)
        if self._leader is queued:
            self._leader = None
            self._schedule.resign()
            self._appoint()

    def _result(self, queued: QueuedRequest) -> InferenceResponse:
        if queued.response is not None:
            return queued.response
        error = queued.error or self._closed_error()
        if isinstance(error, TurnoutError):
            error.locate(self._model, self._backend)
        raise error

    def _closed_error(self) -> ClosedError:
        return ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
