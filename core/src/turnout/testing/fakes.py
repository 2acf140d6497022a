"""Fakes: small models for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    InvalidRequestError,
    TurnoutError,
)
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference


class PlusOne(ModelInference):
    """Adds 1 to every number, and answers under the input's name; BOOL and BYTES are returned unchanged. Thread-safe."""

    def __init__(self) -> None:
        self._closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._closed:
            raise ClosedError("this PlusOne is closed; create another one")
        request.check_deadline()
        return InferenceResponse({name: _plus_one(array) for name, array in request.inputs.items()}, request.id)

    def ready(self) -> bool:
        return not self._closed

    def close(self) -> None:
        self._closed = True


class Answers(ModelInference):
    """Answers every request with one response, or raises one error.

    Attributes:
        requests: the requests, in order.
    """

    def __init__(self, answer: InferenceResponse | TurnoutError) -> None:
        self._answer = answer
        self.requests: list[InferenceRequest] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.requests.append(request)
        if isinstance(self._answer, TurnoutError):
            raise self._answer
        return self._answer


class Streams(ModelInference):
    """Streams the same answers to every request; an error among them is raised in its place."""

    def __init__(self, *answers: InferenceResponse | Exception) -> None:
        self._answers = answers

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise InvalidRequestError("this model streams its answers; call infer_stream")

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        for answer in self._answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer


class Fails(ModelInference):
    """Fails every request with ``error``, also a foreign one, which a real backend would have to translate."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise self._error


class Unavailable(ModelInference):
    """Cannot be reached."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise BackendUnavailableError("this backend is down; use another one, or retry later")

    def ready(self) -> bool:
        return False


class Slow(ModelInference):
    """Answers as ``inner`` does, ``seconds`` later, without the CPU, as a model on an accelerator does.

    Thread-safe. Stops at the request's deadline; ``release`` and ``close`` end every wait.

    Attributes:
        started: set at the first request. Wait for it, with a limit, to act while a request is in flight.
    """

    def __init__(self, seconds: float, inner: ModelInference | None = None) -> None:
        self._seconds = seconds
        self._inner = inner or PlusOne()
        self._released = threading.Event()
        self.started = threading.Event()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.started.set()
        remaining = request.remaining_seconds()
        late = remaining is not None and remaining < self._seconds
        released = self._released.wait(remaining if late else self._seconds)
        if late and not released:
            raise DeadlineExceededError(f"request {request.id!r} takes {self._seconds} s; give it a longer timeout")
        return self._inner.infer(request)

    def release(self) -> None:
        """Answer all requests at once, those in flight and all later ones."""
        self._released.set()

    def ready(self) -> bool:
        return self._inner.ready()

    def close(self) -> None:
        self._inner.close()
        self.release()


def _plus_one(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind in "bOSU":
        return array.copy()
    answer: NDArray[Any] = np.empty(array.shape, array.dtype)
    np.add(array, np.ones((), array.dtype), out=answer)
    return answer
