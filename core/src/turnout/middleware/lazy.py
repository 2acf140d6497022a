"""Opening a model at its first use."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from turnout.awaiting import is_done_by
from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError, ForkedAfterLoadError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.middleware.base import switch_before_first

_CLOSE_SECONDS = 10.0
# A request reads the signature first and calls the model second: a failed attempt counts for both.
_ATTEMPT_SECONDS = 0.02


def _nothing() -> None:
    return None


def _keep_forever(model: object) -> None:
    """Add a reference that nothing removes, not even the end of the interpreter, which clears all modules.

    Destroying an engine of the parent can wait for threads that a child does not have.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(model))


class Lazy(ModelInference):
    """Opens a model at the first call; concurrent callers wait for the same attempt, each until its own deadline.

    If opening fails, they all get the error, and so do callers of the next 20 ms; a later call tries again. An attempt runs in
    its own thread, so that a hanging server blocks no caller beyond its deadline; ``close`` waits 10 s for it. Thread-safe:
    ``_inner`` is set once, and ``_attempt`` from its start until it succeeds or another replaces it, both under ``_lock``.

    A forked child opens the model again at its first call, whatever the backend: the parent's model is not touched there.
    """

    def __init__(
        self,
        name: str,
        open_model: Callable[[], ModelInference],
        clock: Callable[[], float] = time.monotonic,
        on_close: Callable[[], object] = _nothing,
        version: Callable[[], str | None] = _nothing,
    ) -> None:
        self._name = name
        self._open = open_model
        self._on_close = on_close
        self.version = version
        self._lock = threading.Lock()
        self._inner: ModelInference | None = None
        self._attempt: Future[ModelInference] | None = None
        self._closed = False
        self._clock = clock
        self._failed_at = 0.0
        self._opens_again = False
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock, and drop the parent's model and its attempt, whose threads do not exist here."""
        self._lock = threading.Lock()
        self._attempt = None
        if self._inner is not None:
            _keep_forever(self._inner)
            # A parent that could answer is a good sign for this process.
            self._inner, self._opens_again = None, True

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        # Without the lock: _inner is assigned once, by one thread, and reading an attribute is atomic.
        inner = self._inner or self._wait_open(request.deadline)
        try:
            return inner.infer(request)
        except ForkedAfterLoadError:
            if not self._leave_parent(inner):
                raise
        return self._wait_open(request.deadline).infer(request)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        inner = self._inner or await self._await_open(request.deadline)
        try:
            return await inner.ainfer(request)
        except ForkedAfterLoadError:
            if not self._leave_parent(inner):
                raise
        return await (await self._await_open(request.deadline)).ainfer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        def recover(error: ForkedAfterLoadError) -> Iterator[InferenceResponse]:
            if not self._leave_parent(inner):
                raise error
            return self._wait_open(request.deadline).infer_stream(request)

        inner = self._wait_open(request.deadline)
        return switch_before_first(inner, request, (ForkedAfterLoadError,), recover)

    def open(self, deadline: float | None = None) -> None:
        self._wait_open(deadline)

    async def aopen(self, deadline: float | None = None) -> None:
        await self._await_open(deadline)

    def awaits(self) -> bool | None:
        """Return whether the class of the open model defines ``ainfer`` itself; None while it is not open."""
        inner = self._inner
        return None if inner is None else type(inner).ainfer is not ModelInference.ainfer

    def state(self) -> str:
        """Return ``open``, ``opening`` or ``closed``; ``unopened`` before the first attempt and after one that failed."""
        if self._closed:
            return "closed"
        attempt = self._attempt
        if self._inner is not None:
            return "open"
        return "opening" if attempt is not None and not attempt.done() else "unopened"

    def signature(self) -> ModelSignature:
        inner = self._inner
        if inner is None:
            raise BackendUnavailableError(
                f"model {self._name!r} is not open, so its signature is unknown; call open first", model=self._name
            )
        return inner.signature()

    def refresh(self, deadline: float | None = None) -> None:
        inner = self._inner
        if inner is not None:  # opening reads everything anyway
            inner.refresh(deadline)

    def ready(self) -> bool:
        inner = self._inner
        return self._opens_again if inner is None else inner.ready()

    def close(self) -> None:
        with self._lock:
            self._closed, self._opens_again = True, False
            inner, self._inner = self._inner, None
            attempt = self._attempt
        try:
            if inner is not None:
                inner.close()
            if attempt is not None:
                self._wait(attempt, _CLOSE_SECONDS)
        finally:
            self._on_close()

    def _wait_open(self, deadline: float | None) -> ModelInference:
        attempt = self._start_or_join()
        if isinstance(attempt, ModelInference):
            return attempt
        if not self._wait(attempt, None if deadline is None else max(0.0, deadline - time.monotonic())):
            raise self._still_opening()
        return attempt.result()

    async def _await_open(self, deadline: float | None) -> ModelInference:
        attempt = self._start_or_join()
        if isinstance(attempt, ModelInference):
            return attempt
        if not await is_done_by(deadline, attempt):
            raise self._still_opening()
        return attempt.result()

    def _start_or_join(self) -> ModelInference | Future[ModelInference]:
        """Return the model if it is open, else the current attempt to open it, which starts here if there is none."""
        with self._lock:
            if self._closed:
                raise self._closed_error()
            if self._inner is not None:
                return self._inner
            if self._attempt is None or self._has_expired(self._attempt):
                self._attempt = self._start()
            return self._attempt

    def _start(self) -> Future[ModelInference]:
        attempt: Future[ModelInference] = Future()
        threading.Thread(target=self._try, args=(attempt,), name=f"turnout-open-{self._name}", daemon=True).start()
        return attempt

    def _try(self, attempt: Future[ModelInference]) -> None:
        try:
            opened = self._open()
        except BaseException as error:  # noqa: BLE001  # raised in the waiting threads
            self._failed_at = self._clock()
            self._opens_again = False
            attempt.set_exception(error)
            return
        with self._lock:
            self._attempt = None
            closed = self._closed
            if not closed:
                self._inner = opened
        if closed:
            opened.close()
            self._on_close()
            attempt.set_exception(self._closed_error())
        else:
            attempt.set_result(opened)

    def _leave_parent(self, inner: ModelInference) -> bool:
        """Return whether the model is opened again instead of ``inner``, because another process opened that one."""
        Forks.notice()
        with self._lock:
            return self._inner is not inner and not self._closed

    def _has_expired(self, attempt: Future[ModelInference]) -> bool:
        """Return whether ``attempt`` failed too long ago to count for a call of now."""
        return attempt.done() and self._clock() - self._failed_at >= _ATTEMPT_SECONDS

    def _wait(self, attempt: Future[ModelInference], seconds: float | None) -> bool:
        """Wait until ``attempt`` has succeeded or failed; return False if ``seconds`` were too few."""
        try:
            attempt.exception(seconds)
        except TimeoutError:
            return False
        return True

    def _still_opening(self) -> DeadlineExceededError:
        text = f"model {self._name!r} was still opening at the deadline; allow a longer timeout"
        return DeadlineExceededError(text, model=self._name)

    def _closed_error(self) -> ClosedError:
        return ClosedError(f"model {self._name!r} is closed; open the app again with turnout.open", model=self._name)
