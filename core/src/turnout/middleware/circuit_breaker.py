"""Circuit breaking."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from turnout.errors import CircuitOpenError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.metrics.resilience import CircuitMeter
from turnout.middleware.base import Middleware
from turnout.resilience.circuit import Admission, Circuit, CircuitPolicy

logger = logging.getLogger(__name__)


class CircuitBreaker(Middleware):
    """Stops calling a backend that fails, and lets one live request probe it from time to time.

    Thread-safe; no lock is held during a call. The health of the backend comes from its responses, not from its readiness: a
    Triton server whose model process was killed reports ready (server issue 8604).
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        backend: str,
        policy: CircuitPolicy,
        meter: CircuitMeter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._circuit = Circuit(model, backend, policy, clock)
        self._meter = meter

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        admission = self._admit()
        try:
            response = self._infer(request)
        except BaseException as error:
            self._record_failure(admission, error)
            raise
        if closed := self._circuit.record_answer(admission):
            self._log_close(closed)
        return response

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[None]:
        admission = self._admit()
        try:
            yield
        except GeneratorExit:  # the caller has read enough: the backend did not fail
            self._log_close(self._circuit.record_answer(admission))
            raise
        except BaseException as error:
            self._record_failure(admission, error)
            raise
        self._log_close(self._circuit.record_answer(admission))

    def open(self, deadline: float | None = None) -> None:
        self._circuit.check()
        self.inner.open(deadline)

    def signature(self) -> ModelSignature:
        self._circuit.check()
        return self.inner.signature()

    def ready(self) -> bool:
        try:
            self._circuit.check()
        except CircuitOpenError:
            return False
        return self.inner.ready()

    def _admit(self) -> Admission:
        try:
            return self._circuit.admit()
        except CircuitOpenError:
            self._meter.refused()
            raise

    def _log_close(self, closed: str) -> None:
        if closed:
            self._meter.closed()
            logger.warning("%s", closed)

    def _record_failure(self, admission: Admission, error: BaseException) -> None:
        opened = self._circuit.record_failure(admission, error)
        if opened:
            self._meter.opened()
            logger.warning("%s", opened)
