"""The threads that run inference for pipelines and event loops."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference


class InferenceExecutor:
    """Runs ``infer`` only, so its threads never wait for each other. Thread-safe.

    Threads start when they are needed. A forked child has none of its parent's and gets its own.
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
        """Have ``model`` answer ``request`` in a thread.

        Raises:
            ClosedError: ``close`` was called.
        """
        return self._current().submit(self._answer, model, request)

    def close(self) -> None:
        """Refuse new work and what is queued, with ClosedError; wait for what runs; end the threads."""
        with self._lock:
            self._closed = True
            pool, own = self._pool, self._pid == os.getpid()
            self._pool = None
        if pool is not None and own:
            pool.shutdown(wait=True)

    def _answer(self, model: ModelInference, request: InferenceRequest) -> InferenceResponse:
        # Cancelling what is queued instead would reach an event loop as the cancellation of the caller's own task.
        if self._closed:
            raise _closed()
        return model.infer(request)

    def _current(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._closed:
                raise _closed()
            if self._pool is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="turnout-infer")
            return self._pool


def _closed() -> ClosedError:
    return ClosedError("the app is closed; open it again with turnout.open")
