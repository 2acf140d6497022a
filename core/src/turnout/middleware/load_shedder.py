"""Load shedding."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sized
from contextlib import contextmanager

from turnout.errors import OverloadedError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.resilience import SheddingMeter
from turnout.middleware.base import Middleware


class LoadShedder(Middleware):
    """Allows ``max_in_flight`` requests at a time and refuses more at once, before anything is started.

    An execution that runs on after its caller left counts too, as long as it is in ``late``. Thread-safe: ``_in_flight``
    changes under ``_lock``, which is not held during a call. A forked child starts at zero.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        backend: str,
        max_in_flight: int,
        meter: SheddingMeter,
        *,
        late: Sized = (),
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._model = model
        self._backend = backend
        self._max_in_flight = max_in_flight
        self._refused = meter.refused
        self._late = late
        self._lock = threading.Lock()
        self._in_flight = 0
        Forks.renew(self)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._enter()
        try:
            return self._infer(request)
        finally:
            self._leave()

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        with self.span(request):
            return await self.inner.ainfer(request)

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[None]:
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def renew(self) -> None:
        """Forget the requests of the parent process."""
        self._lock = threading.Lock()
        self._in_flight = 0

    def _enter(self) -> None:
        with self._lock:
            if self._in_flight + len(self._late) < self._max_in_flight:
                self._in_flight += 1
                return
        self._refused()
        raise OverloadedError(
            f"model {self._model!r} on backend {self._backend!r} has {self._max_in_flight} requests in flight, as many as "
            "max_in_flight allows; retry later, or raise max_in_flight",
            model=self._model,
            backend=self._backend,
        )

    def _leave(self) -> None:
        with self._lock:
            # A stream that started before a fork may end in the child, whose count does not include it.
            self._in_flight = max(self._in_flight - 1, 0)
