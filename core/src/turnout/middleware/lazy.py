"""Opening at the first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from turnout.errors import ClosedError, DeadlineExceededError
from turnout.forking import renew_when_forked
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature


class Lazy(ModelInference):
    """Opens a model in whichever thread asks first; the others wait for it, no longer than their deadlines.

    If opening fails, that request gets the error and the next one tries again. Thread-safe: ``_inner`` is set once, under
    ``_lock``.
    """

    def __init__(self, name: str, open_model: Callable[[], ModelInference]) -> None:
        self._name = name
        self._open = open_model
        self._lock = threading.Lock()
        self._inner: ModelInference | None = None
        self._closed = False
        renew_when_forked(self)

    def forked(self) -> None:
        """Take a new lock: what the parent was opening is opened here again."""
        self._lock = threading.Lock()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return (self._inner or self._opened(request.remaining_seconds())).infer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return self._opened(request.remaining_seconds()).infer_stream(request)

    def signature(self) -> ModelSignature:
        return self._opened(None).signature()

    def ready(self) -> bool:
        return self._inner is not None and self._inner.ready()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            inner, self._inner = self._inner, None
        if inner is not None:
            inner.close()

    def _opened(self, remaining_seconds: float | None) -> ModelInference:
        if not self._lock.acquire(timeout=-1 if remaining_seconds is None else remaining_seconds):
            raise DeadlineExceededError(
                f"model {self._name!r} was still being opened at the deadline; give it a longer timeout"
            )
        try:
            if self._closed:
                raise ClosedError(f"model {self._name!r} is closed; open the app again with turnout.open")
            if self._inner is None:
                self._inner = self._open()
            return self._inner
        finally:
            self._lock.release()
