"""The threads of an app: for inference, for the steps of pipelines, and for the checks and copies of event loops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics import Metrics
from turnout.metrics.calls import InFlight
from turnout.metrics.labels import Pool

logger = logging.getLogger(__name__)

T = TypeVar("T")
Carry = Callable[[Callable[[], Any]], Callable[[], Any]]
"""Returns work that runs in the context of its caller, whichever thread runs it."""

_PATIENCE_SECONDS = 5.0
_CHECK_THREADS = 4


class InferenceExecutor:
    """Runs blocking work that never waits for other work of the same executor, such as ``infer``. Thread-safe.

    Threads start on demand. A forked child has none of its parent's threads and starts its own.
    """

    def __init__(
        self, threads: int, name: str = "turnout-infer", waiting: InFlight | None = None, carry: Carry | None = None
    ) -> None:
        """Start ``threads`` at most, called ``name``; ``waiting`` counts the work that no thread has started.

        ``carry`` moves the context of a caller to them.
        """
        self._carry = carry
        self._threads = threads
        self._name = name
        self._enter: Callable[[None], object] = waiting.enter if waiting else _enter_nothing
        self._leave: Callable[[], object] = waiting.leave if waiting else _leave_nothing
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._unfinished: dict[Future[Any], str] = {}
        self._closed = False
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the parent's threads, which do not exist here: joining them would wait forever."""
        self._lock = threading.Lock()
        self._pool = None
        self._unfinished = {}

    def submit(self, model: ModelInference, request: InferenceRequest) -> Future[InferenceResponse]:
        """Start ``model.infer(request)`` in a thread and return its future.

        Raises:
            ClosedError: ``close`` was called.
        """
        return self.call(partial(model.infer, request), name=getattr(model, "name", type(model).__name__))

    def call(self, work: Callable[[], T], *, name: str = "") -> Future[T]:
        """Start ``work`` in a thread and return its future; ``name`` is what a log line calls it while it hangs.

        Raises:
            ClosedError: ``close`` was called.
        """
        # Before the lock and the pool: noticed by the model in a thread of it, a fork would drop this child's own pool.
        Forks.notice()
        if self._carry is not None:
            work = self._carry(work)
        # Under the lock: a pool that is closed between its choice and the submit would raise a foreign RuntimeError.
        with self._lock:
            future = self._queue(self._current_pool(), work)
            self._unfinished[future] = name
        # A request that has finished by now is removed at once.
        future.add_done_callback(self._forget)
        return future

    def close(self) -> None:
        """Refuse new and queued work with ClosedError, wait for what runs, and end the threads.

        A thread cannot be ended from outside, so a request that never ends is waited for; a log line names its model.
        """
        Forks.notice()
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            running = dict(self._unfinished)
        if pool is not None:
            _log_what_hangs(running)
            pool.shutdown(wait=True)

    def _queue(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> Future[T]:
        # Before the submit: a thread may start the work at once.
        self._enter(None)
        try:
            return pool.submit(self._run, work)
        except BaseException:
            self._leave()
            raise

    def _forget(self, future: Future[Any]) -> None:
        # Cancelled work leaves the queue here: no thread starts it. A child forgets the futures of its parent.
        if self._unfinished.pop(future, None) is not None and future.cancelled():
            self._leave()

    def _run(self, work: Callable[[], T]) -> T:
        self._leave()
        # Cancelling the queued futures instead would reach an event loop as the cancellation of the caller's own task.
        if self._closed:
            raise _closed_error()
        return work()

    def _current_pool(self) -> ThreadPoolExecutor:
        if self._closed:
            raise _closed_error()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        return self._pool


def _enter_nothing(_: None) -> None:
    """Count nothing."""


def _leave_nothing() -> None:
    """Count nothing."""


def _closed_error() -> ClosedError:
    return ClosedError("the app is closed; open it again with turnout.open")


def _log_what_hangs(running: dict[Future[Any], str]) -> None:
    """Wait for ``running``, a few seconds at most, and log what has not ended."""
    left = wait(running, timeout=_PATIENCE_SECONDS).not_done
    if left:
        names = sorted({repr(running[future] or "other work") for future in left})
        logger.warning(
            "the app is closing and waits for requests that still run (%d, of: %s); a request that never ends keeps it open",
            len(left),
            ", ".join(names),
        )


class AppThreads:
    """The threads of one app, by the kind of their work, so that no kind waits behind another.

    Attributes:
        inference: run ``infer``, for pipelines and event loops.
        steps: run the steps of ``arun``.
        checks: read and copy large tensors, and what else would block an event loop for a short time.
    """

    def __init__(self, threads: int, metrics: Metrics, carry: Carry | None = None) -> None:
        """Let each pool have ``threads`` at most; ``carry`` moves the context of a caller to them."""
        waiting = metrics.executors.waiting
        self.inference = InferenceExecutor(threads, waiting=waiting(Pool.INFERENCE), carry=carry)
        self.steps = InferenceExecutor(threads, "turnout-step", waiting(Pool.STEPS), carry)
        self.checks = InferenceExecutor(_CHECK_THREADS, "turnout-check", waiting(Pool.CHECKS), carry)

    def close(self) -> None:
        """Close all of them. Blocks until what runs has ended."""
        # Inference first, so that a step that hangs keeps no request in the queue.
        for threads in (self.inference, self.checks, self.steps):
            threads.close()
