"""Meters with a registry of their own, a clock that a test moves, a model that does as scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import TurnoutError
from turnout.metrics.resilience import ResilienceMeters

REQUEST = InferenceRequest({"x": np.ones(2, np.float32)})
ANSWER = InferenceResponse({})
LIMIT_SECONDS = 20


class Meters(ResilienceMeters):
    """The counts of a separate registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        super().__init__(self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


class Clock:
    """Does not move by itself."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted(ModelInference):
    """Answers, or raises ``error`` while that is set; ``during`` runs inside of each call.

    Attributes:
        requests: the requests, in order.
    """

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.during: Callable[[], object] = lambda: None
        self.requests: list[InferenceRequest] = []
        self.closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.requests.append(request)
        self.during()
        if self.error is not None:
            raise self.error
        return ANSWER

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        yield self.infer(request)
        yield ANSWER

    def close(self) -> None:
        self.closed = True


def outcome(model: ModelInference, request: InferenceRequest = REQUEST) -> object:
    """Return what ``model`` answers, or the error that it raises."""
    try:
        return model.infer(request)
    except TurnoutError as error:
        return error


def at_once(count: int, call: Callable[[], object]) -> None:
    """Call from ``count`` threads; all end within the limit."""
    threads = [threading.Thread(target=call, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
