"""Metering."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics import Durations, RequestMeter
from turnout.metrics.labels import outcome_of
from turnout.middleware.base import Middleware


class RequestMetering(Middleware):
    """Counts and times every request of an arm, as its users feel it; a stream from its start to its last answer."""

    def __init__(self, inner: ModelInference, meter: RequestMeter) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._enter = meter.in_flight.enter
        self._leave = meter.in_flight.leave
        self._answered = meter.answered
        self._pending = meter.answered.pending
        self._limit = meter.answered.limit
        self._failed = meter.failed

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._enter(None)
        start = perf_counter()
        try:
            response = self._infer(request)
        except BaseException as error:
            self._failed[outcome_of(error)].add(perf_counter() - start)
            raise
        finally:
            self._leave()
        self._pending.append(perf_counter() - start)
        if len(self._pending) >= self._limit:
            self._answered.fold()
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        self._enter(None)
        start = perf_counter()
        try:
            yield from self.inner.infer_stream(request)
        except GeneratorExit:
            self._answered.add(perf_counter() - start)
            raise
        except BaseException as error:
            self._failed[outcome_of(error)].add(perf_counter() - start)
            raise
        finally:
            self._leave()
        self._answered.add(perf_counter() - start)


class ExecutionMetering(Middleware):
    """Times every execution of a backend, failed ones and whole streams included."""

    def __init__(self, inner: ModelInference, durations: Durations) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._durations = durations
        self._pending = durations.pending
        self._limit = durations.limit

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        start = perf_counter()
        try:
            return self._infer(request)
        finally:
            self._pending.append(perf_counter() - start)
            if len(self._pending) >= self._limit:
                self._durations.fold()

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        start = perf_counter()
        try:
            yield from self.inner.infer_stream(request)
        finally:
            self._durations.add(perf_counter() - start)
