"""The contract of a model: a named request in, a named response out."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, cast

from numpy import ndarray
from numpy.typing import NDArray

from turnout.deadlines import deadline_after
from turnout.errors import DeadlineExceededError, InvalidTensorError, TurnoutError, suggestion
from turnout.model_observer import ModelObserver
from turnout.tensors import BYTES, DTYPES, TensorSpec
from turnout.tensors.given import named_values, tensor_of

Parameter = str | int | float | bool
EMPTY: Mapping[str, Any] = MappingProxyType({})
NO_ID = ""
_NATIVE_NUMBERS = frozenset(dtype for datatype, dtype in DTYPES.items() if datatype != BYTES)


def _setters(kind: type) -> list[Callable[[object, Any], None]]:
    return [getattr(kind, field.name).__set__ for field in fields(kind)]


@dataclass(frozen=True, slots=True, eq=False, init=False)
class InferenceRequest:
    """Named input arrays for one call of a model.

    Attributes:
        inputs: arrays by input name, read-only by convention. BYTES tensors are arrays of dtype object.
        deadline: the time on ``time.monotonic()``'s clock after which the response is useless; None means no deadline.
        id: the caller's name for this request, returned in the response.
        parameters: KServe v2 request parameters, for backends that support some.
    """

    inputs: Mapping[str, NDArray[Any]]
    deadline: float | None
    id: str
    parameters: Mapping[str, Parameter]

    def __init__(
        self,
        inputs: Mapping[str, NDArray[Any]],
        deadline: float | None = None,
        id: str = NO_ID,
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> None:
        _set_inputs(self, inputs)
        _set_deadline(self, deadline)
        _set_request_id(self, id)
        _set_parameters(self, parameters)

    def remaining_seconds(self) -> float | None:
        """Return the time left until the deadline, never below 0; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def check_deadline(self) -> None:
        """Raise DeadlineExceededError if the deadline has passed."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            late = time.monotonic() - self.deadline
            name = f"request {self.id!r}" if self.id else "the request"
            text = f"{name} is {late:.3f} s past its deadline and was not started; give it a longer timeout"
            raise DeadlineExceededError(text)


# A frozen dataclass's own __init__ calls object.__setattr__ for each field and takes twice as long, on every call.
_set_inputs, _set_deadline, _set_request_id, _set_parameters = _setters(InferenceRequest)


def request_of(
    inputs: InferenceRequest | Mapping[str, Any],
    timeout_seconds: float | None = None,
    id: str = "",
    parameters: Mapping[str, Parameter] = EMPTY,
) -> InferenceRequest:
    """Return a request of ``inputs``: anything that numpy can convert, and tensors on a GPU. A request is returned unchanged.

    Raises:
        InvalidTensorError: ``inputs`` is no mapping of text, or an input cannot become an array.
        InvalidRequestError: ``timeout_seconds`` is no number.
    """
    deadline = None if timeout_seconds is None else deadline_after(timeout_seconds)
    if type(inputs) is dict:
        for name, value in inputs.items():
            if type(value) is not ndarray or value.dtype not in _NATIVE_NUMBERS or type(name) is not str:
                break
        else:
            return InferenceRequest(inputs, deadline, id, parameters)
    # Not isinstance: a foreign object's __class__ may raise.
    if issubclass(type(inputs), InferenceRequest):
        return cast("InferenceRequest", inputs)
    tensors = {name: tensor_of(value, name) for name, value in named_values(inputs).items()}
    return InferenceRequest(tensors, deadline, id, parameters)


@dataclass(frozen=True, slots=True, eq=False, init=False)
class InferenceResponse(Mapping[str, "NDArray[Any]"]):
    """Named output arrays: a read-only mapping of output name to array.

    Every array is writable and belongs to the caller. In a pipeline a request may fail while others of its step succeed: then
    ``error`` holds the reason, and reading an output raises it.

    Attributes:
        outputs: arrays by output name.
        id: the id of the request.
        timings: seconds by part of the work, where the backend reports them.
        error: the reason why there are no outputs; None if there are.
        model_version: the version of the model that answered, as KServe v2 calls it; empty if the backend has none.
        backend: the backend that answered, of those that the settings name for the model; the app writes it, not the backend.
    """

    outputs: Mapping[str, NDArray[Any]]
    id: str
    timings: Mapping[str, float]
    error: TurnoutError | None
    model_version: str
    backend: str

    def __init__(
        self,
        outputs: Mapping[str, NDArray[Any]],
        id: str = "",
        timings: Mapping[str, float] = EMPTY,
        error: TurnoutError | None = None,
        model_version: str = "",
        backend: str = "",
    ) -> None:
        _set_outputs(self, outputs)
        _set_response_id(self, id)
        _set_timings(self, timings)
        _set_error(self, error)
        _set_model_version(self, model_version)
        _set_backend(self, backend)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if self.error is not None:
            raise self.error
        try:
            return self.outputs[name]
        except KeyError:
            known = f"it has: {', '.join(self.outputs) or 'none'}.{suggestion(name, self.outputs)}"
            raise InvalidTensorError(f"the response has no output {name!r}; {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)


_set_outputs, _set_response_id, _set_timings, _set_error, _set_model_version, _set_backend = _setters(InferenceResponse)
set_backend = _set_backend
"""Writes the backend into the response that it has just returned; a copy would cost more than the rest of the arm."""


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """The inputs and outputs of a model, batch axis included; an empty tuple means unknown.

    Attributes:
        inputs: the inputs.
        outputs: the outputs.
        input_names: the names of the required inputs, for a model that knows nothing more of them; empty if ``inputs`` is not.
        optional_names: the names of its other inputs, likewise.
        text_only: True if the elements of its BYTES inputs must be UTF-8, as in ONNX.
    """

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    input_names: tuple[str, ...] = field(default=(), kw_only=True, compare=False)
    optional_names: tuple[str, ...] = field(default=(), kw_only=True, compare=False)
    text_only: bool = field(default=False, kw_only=True, compare=False)


class ModelInference(ABC):
    """Answers the requests of one model. A backend is one, and so is every behavior around a backend."""

    @abstractmethod
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        """Answer ``request``; blocks. Called from many threads at once.

        Raises:
            InvalidRequestError: the request is wrong.
            BackendUnavailableError: the backend is unavailable; another may answer.
            DeadlineExceededError: the response would arrive too late.
            InferenceError: the model failed.
        """

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        """Answer ``request`` without blocking the event loop, by default in a thread. Raises what ``infer`` raises.

        An app awaits it if the backend's class overrides it; else, and for batches and instances, a thread runs ``infer``.
        """
        return await asyncio.to_thread(self.infer, request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        """Yield every response to ``request`` as it arrives; by default the one of ``infer``. Blocks between them.

        Closing the iterator early cancels the request. Raises what ``infer`` raises, before the first response or later.
        """
        yield self.infer(request)

    def open(self, deadline: float | None = None) -> None:  # noqa: B027  # most models are open from the start
        """Open now what the first use would open; blocks until ``deadline`` at most. Raises what ``infer`` raises.

        ``Backend.create`` returns a model that is open, so a backend need not override this.
        """

    async def aopen(self, deadline: float | None = None) -> None:
        """Open as ``open`` does, without blocking the event loop, by default in a thread."""
        await asyncio.to_thread(self.open, deadline)

    def signature(self) -> ModelSignature:
        """Return the inputs and outputs that the model itself declares."""
        return ModelSignature()

    def refresh(self, deadline: float | None = None) -> None:  # noqa: B027  # most models never change
        """Read again what the model says of itself, which ``signature`` returns then; blocks until ``deadline`` at most.

        Called after a refusal, once a second at most, and by ``reload``. A model in this process stays as it was opened.
        """

    def observe(self, observer: ModelObserver) -> None:  # noqa: B027  # most models have nothing to report
        """Report to ``observer`` from now on: the version that answers, the servers that do, the bytes to and from them.

        Called once, after the model is opened and before its first request.
        """

    def ready(self) -> bool:
        """Return whether a request sent now is likely to succeed; False after ``close``. Does not block for long."""
        return True

    def close(self) -> None:  # noqa: B027  # most models hold nothing
        """Release all resources. May be called twice; afterwards ``ready`` returns False and ``infer`` is not called."""
