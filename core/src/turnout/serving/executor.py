"""The threads that run inference for pipelines and event loops."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference


class InferenceExecutor:
    """Runs ``infer`` only, so that its threads never wait for each other. Thread-safe.

    Threads start on demand. A forked child has none of its parent's threads and starts its own.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._pid = 0
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the parent's threads."""
        self._lock = threading.Lock()
        self._pool = None

    def submit(self, model: ModelInference, request: InferenceRequest) -> Future[InferenceResponse]:
        """Start ``model.infer(request)`` in a thread and return its future.

        Raises:
            ClosedError: ``close`` was called.
        """
        # Under the lock: a pool that is closed between its choice and the submit would raise a foreign RuntimeError.
        with self._lock:
            return self._current_pool().submit(self._infer, model, request)

    def close(self) -> None:
        """Refuse new and queued work with ClosedError, wait for what runs, and end the threads."""
        with self._lock:
            self._closed = True
            pool, own = self._pool, self._pid == os.getpid()
            self._pool = None
        # Joining the threads of another process would wait forever: they do not exist here.
        if pool is not None and own:
            pool.shutdown(wait=True)

    def _infer(self, model: ModelInference, request: InferenceRequest) -> InferenceResponse:
        # Cancelling the queued futures instead would reach an event loop as the cancellation of the caller's own task.
        if self._closed:
            raise _closed_error()
        return model.infer(request)

    def _current_pool(self) -> ThreadPoolExecutor:
        if self._closed:
            raise _closed_error()
        # A child of a C library's fork has not run ``renew``; its pid still differs.
        if self._pool is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="turnout-infer")
        return self._pool


def _closed_error() -> ClosedError:
    return ClosedError("the app is closed; open it again with turnout.open")
