"""Checking requests against what a model takes, and answers against what turnout.yaml promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy import ndarray
from numpy.typing import NDArray

from turnout.errors import InferenceError, InvalidTensorError, TurnoutError, suggestion
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.middleware.base import Middleware
from turnout.tensors import DeviceTensor, TensorSpec, describe

_REMEMBERED_SHAPES = 256


class _GoodShapes(dict[tuple[int, ...], bool]):
    """Whether a shape is one of ``spec``'s; remembers the first few that were asked for, which makes a check a look-up."""

    def __init__(self, spec: TensorSpec) -> None:
        super().__init__()
        self._spec = spec

    def __missing__(self, shape: tuple[int, ...]) -> bool:
        good = self._spec.accepts_shape(shape)
        if len(self) < _REMEMBERED_SHAPES:
            self[shape] = good
        return good


class TensorCheck(Middleware):
    """Refuses a request whose tensors the model does not take, before it can spoil a batch of strangers.

    ``declared`` is what turnout.yaml says; where that is empty, the backend's own signature counts, which is asked for at the
    first request. Answers are compared
    with declared outputs only. Tensors on a GPU are copied to arrays, unless ``inner`` takes ``device_tensors``.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        declared: ModelSignature | None = None,
        max_batch_size: int = 0,
        *,
        device_tensors: bool = False,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._model = model
        self._declared = declared or ModelSignature()
        self._signature: ModelSignature | None = None
        self._quick: tuple[tuple[str, Any, _GoodShapes], ...] = ()
        self._promised = self._declared.outputs
        self._max_batch_size = max_batch_size
        self._device_tensors = device_tensors

    def signature(self) -> ModelSignature:
        self.inner.open()
        return self._known()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        response = self._infer(self._checked(request))
        if self._promised:
            self._check_answer(response)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        for response in self.inner.infer_stream(self._checked(request)):
            if self._promised:
                self._check_answer(response)
            yield response

    def _checked(self, request: InferenceRequest) -> InferenceRequest:
        inputs = request.inputs
        if self._signature is None and not self._is_known(request.deadline):
            return request
        if not self._fits(inputs):
            self._check(inputs)
            if not self._device_tensors:
                request = _on_host(request)
        if self._max_batch_size:
            self._check_batch(inputs)
        if request.deadline is not None:
            request.check_deadline()
        return request

    def _known(self) -> ModelSignature:
        """Return what the open model takes and gives, with what turnout.yaml declares in its place."""
        if self._signature is None:
            known = self.inner.signature()
            signature = ModelSignature(self._declared.inputs or known.inputs, self._declared.outputs or known.outputs)
            self._quick = tuple((spec.name, spec.dtype, _GoodShapes(spec)) for spec in signature.inputs)
            self._signature = signature
        return self._signature

    def _is_known(self, deadline: float | None) -> bool:
        """Tell whether the model says what it takes; where it cannot be opened, its arm says so and counts that."""
        try:
            self.inner.open(deadline)
            self._known()
        except TurnoutError:
            return False
        return True

    def _fits(self, inputs: Mapping[str, NDArray[Any]]) -> bool:
        if len(inputs) != len(self._quick):
            return False
        for name, dtype, shapes in self._quick:
            array = inputs.get(name)
            if type(array) is not ndarray or array.dtype is not dtype or not shapes[array.shape]:
                return False
        return True

    def _check(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        self._check_arrays(inputs)
        specs = {spec.name: spec for spec in self._known().inputs}
        if not specs:
            return
        for name in inputs:
            if name not in specs:
                raise InvalidTensorError(
                    f"model {self._model!r} has no input {name!r}; it takes: {_list(specs)}.{suggestion(name, specs)}"
                )
        for name, spec in specs.items():
            if name in inputs:
                self._check_tensor(spec, inputs[name])
            elif not spec.optional:
                raise InvalidTensorError(
                    f"model {self._model!r} needs input {name!r} ({spec}); got: {', '.join(inputs) or 'nothing'}"
                )

    def _check_arrays(self, inputs: Mapping[str, object]) -> None:
        for name, value in inputs.items():
            if not isinstance(value, ndarray | DeviceTensor):
                raise InvalidTensorError(
                    f"tensor {name!r} must be a numpy array, got {type(value).__name__}, for model {self._model!r}; "
                    "convert it with numpy.asarray"
                )

    def _check_tensor(self, spec: TensorSpec, array: NDArray[Any]) -> None:
        if not spec.accepts(array):
            raise InvalidTensorError(
                f"tensor {spec.name!r} must be {spec}, got {describe(array)}, for model {self._model!r}; "
                "convert it before the call"
            )

    def _check_batch(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        sizes = {name: array.shape[0] if array.ndim else None for name, array in inputs.items()}
        if len(set(sizes.values())) > 1 or None in sizes.values():
            given = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
            raise InvalidTensorError(f"inputs of model {self._model!r} must have one batch size, got {given}")
        size = next(iter(sizes.values()), 0) or 0
        if size > self._max_batch_size:
            raise InvalidTensorError(
                f"batch of {size} is over max_batch_size {self._max_batch_size} of model {self._model!r}; split the request"
            )

    def _check_answer(self, response: InferenceResponse) -> None:
        for spec in self._promised:
            if spec.name not in response:
                raise InferenceError(
                    f"model {self._model!r} answered without output {spec.name!r}, which turnout.yaml declares; "
                    f"it gave: {', '.join(response) or 'nothing'}. Correct 'outputs' of the model"
                )
            if not spec.accepts(response.outputs[spec.name]):
                raise InferenceError(
                    f"model {self._model!r} answered {spec.name!r} as {describe(response.outputs[spec.name])}, "
                    f"turnout.yaml declares {spec}; correct 'outputs' of the model"
                )


def _on_host(request: InferenceRequest) -> InferenceRequest:
    given: Mapping[str, object] = request.inputs
    if not any(isinstance(value, DeviceTensor) for value in given.values()):
        return request
    inputs: dict[str, Any] = {
        name: value.on_host() if isinstance(value, DeviceTensor) else value for name, value in given.items()
    }
    return InferenceRequest(inputs, request.deadline, request.id, request.parameters)


def _list(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in specs.items())
