"""Opening at the first use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature

_CLOSE_SECONDS = 10.0
# A request first asks what the model takes, then asks the model: one attempt is for both.
_ONE_ATTEMPT_SECONDS = 0.02


class Lazy(ModelInference):
    """Opens a model when somebody first asks; all who ask wait for that one attempt, none beyond its deadline.

    If opening fails, those get the error, and so does who asks within 20 ms; then the next one tries again. Opening has a
    thread of its own, so that a server that hangs keeps nobody; ``close`` waits some seconds for it. Thread-safe: ``_inner``
    is set once, ``_attempt`` while there is one or the last one failed, both under ``_lock``.
    """

    def __init__(
        self, name: str, open_model: Callable[[], ModelInference], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._open = open_model
        self._lock = threading.Lock()
        self._inner: ModelInference | None = None
        self._attempt: Future[ModelInference] | None = None
        self._closed = False
        self._clock = clock
        self._failed_at = 0.0
        Forks.renew(self)

    def renew(self) -> None:
        """Take a new lock: what the parent was opening is opened here again."""
        self._lock = threading.Lock()
        self._attempt = None

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return (self._inner or self._opened(request.deadline)).infer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return self._opened(request.deadline).infer_stream(request)

    def open(self, deadline: float | None = None) -> None:
        self._opened(deadline)

    def signature(self) -> ModelSignature:
        inner = self._inner
        if inner is None:
            raise BackendUnavailableError(
                f"model {self._name!r} is not open, so it does not tell what it takes; call open first"
            )
        return inner.signature()

    def ready(self) -> bool:
        return self._inner is not None and self._inner.ready()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            inner, self._inner = self._inner, None
            attempt = self._attempt
        if inner is not None:
            inner.close()
        if attempt is not None:
            self._wait(attempt, _CLOSE_SECONDS)

    def _opened(self, deadline: float | None) -> ModelInference:
        attempt = self._opening()
        if isinstance(attempt, ModelInference):
            return attempt
        if not self._wait(attempt, None if deadline is None else max(0.0, deadline - time.monotonic())):
            raise DeadlineExceededError(
                f"model {self._name!r} was still being opened at the deadline; give it a longer timeout"
            )
        return attempt.result()

    def _opening(self) -> ModelInference | Future[ModelInference]:
        """Return the model if it is open, else the attempt to open it, which begins here if there is none."""
        with self._lock:
            if self._closed:
                raise self._closed_error()
            if self._inner is not None:
                return self._inner
            if self._attempt is None or self._is_over(self._attempt):
                self._attempt = self._begun()
            return self._attempt

    def _begun(self) -> Future[ModelInference]:
        attempt: Future[ModelInference] = Future()
        threading.Thread(target=self._try, args=(attempt,), name=f"turnout-open-{self._name}", daemon=True).start()
        return attempt

    def _try(self, attempt: Future[ModelInference]) -> None:
        try:
            opened = self._open()
        except BaseException as error:  # noqa: BLE001  # raised in the threads that wait
            self._failed_at = self._clock()
            attempt.set_exception(error)
            return
        with self._lock:
            self._attempt = None
            closed = self._closed
            if not closed:
                self._inner = opened
        if closed:
            opened.close()
            attempt.set_exception(self._closed_error())
        else:
            attempt.set_result(opened)

    def _is_over(self, attempt: Future[ModelInference]) -> bool:
        """Tell whether ``attempt`` failed too long ago to be an answer to who asks now."""
        return attempt.done() and self._clock() - self._failed_at >= _ONE_ATTEMPT_SECONDS

    def _wait(self, attempt: Future[ModelInference], seconds: float | None) -> bool:
        """Wait for the end of ``attempt``, good or bad, and tell whether it came."""
        try:
            attempt.exception(seconds)
        except TimeoutError:
            return False
        return True

    def _closed_error(self) -> ClosedError:
        return ClosedError(f"model {self._name!r} is closed; open the app again with turnout.open")
