"""The threads that run inference for pipelines and event loops."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 5.0


class InferenceExecutor:
    """Runs ``infer`` only, so that its threads never wait for each other. Thread-safe.

    Threads start on demand. A forked child has none of its parent's threads and starts its own.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._unfinished: dict[Future[InferenceResponse], ModelInference] = {}
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
        # Before the lock and the pool: noticed by the model in a thread of it, a fork would drop this child's own pool.
        Forks.notice()
        # Under the lock: a pool that is closed between its choice and the submit would raise a foreign RuntimeError.
        with self._lock:
            future = self._current_pool().submit(self._infer, model, request)
            self._unfinished[future] = model
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

    def _forget(self, future: Future[InferenceResponse]) -> None:
        self._unfinished.pop(future, None)

    def _infer(self, model: ModelInference, request: InferenceRequest) -> InferenceResponse:
        # Cancelling the queued futures instead would reach an event loop as the cancellation of the caller's own task.
        if self._closed:
            raise _closed_error()
        return model.infer(request)

    def _current_pool(self) -> ThreadPoolExecutor:
        if self._closed:
            raise _closed_error()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="turnout-infer")
        return self._pool


def _closed_error() -> ClosedError:
    return ClosedError("the app is closed; open it again with turnout.open")


def _log_what_hangs(running: dict[Future[InferenceResponse], ModelInference]) -> None:
    """Wait for ``running``, a few seconds at most, and log what has not ended."""
    left = wait(running, timeout=_PATIENCE_SECONDS).not_done
    if left:
        names = sorted({repr(getattr(running[future], "name", type(running[future]).__name__)) for future in left})
        logger.warning(
            "the app is closing and waits for requests that still run (%d, of: %s); a request that never ends keeps it open",
            len(left),
            ", ".join(names),
        )
