"""Validation of requests against a model's inputs, and of responses against the outputs that turnout.yaml declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from numpy import ndarray
from numpy.typing import NDArray

from turnout.errors import InferenceError, InvalidTensorError, TurnoutError, one_line, suggestion
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.middleware.base import Middleware
from turnout.tensors import DeviceTensor, TensorSpec, describe

_REMEMBERED_SHAPES = 256


def _ignore(_: TurnoutError) -> None:
    return None


class _GoodShapes(dict[tuple[int, ...], bool]):
    """A memory of which shapes fit ``spec``; it holds the first 256, so that a repeated check is one look-up."""

    def __init__(self, spec: TensorSpec) -> None:
        super().__init__()
        self._spec = spec

    def __missing__(self, shape: tuple[int, ...]) -> bool:
        good = self._spec.accepts_shape(shape)
        if len(self) < _REMEMBERED_SHAPES:
            self[shape] = good
        return good


class TensorCheck(Middleware):
    """Refuses a request whose tensors do not fit the model, before it can fail a batch of other callers' requests.

    ``declared`` is the signature in turnout.yaml; where that is empty, the backend's own is used, from the first request on.
    Responses are checked against declared outputs only. Tensors on a GPU are copied to arrays unless ``inner`` accepts
    ``device_tensors``. ``on_refusal`` is called with each error before it is raised. Thread-safe: two threads may read the
    signature at once, and both get the same.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        declared: ModelSignature | None = None,
        max_batch_size: int = 0,
        *,
        device_tensors: bool = False,
        on_refusal: Callable[[TurnoutError], object] = _ignore,
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
        self._on_refusal = on_refusal

    def signature(self) -> ModelSignature:
        self.inner.open()
        return self._read_signature()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        response = self._infer(self._validate(request))
        if self._promised:
            self._check_response(response)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        for response in self.inner.infer_stream(self._validate(request)):
            if self._promised:
                self._check_response(response)
            yield response

    def _validate(self, request: InferenceRequest) -> InferenceRequest:
        """Return ``request`` with host arrays where ``inner`` needs them."""
        inputs = request.inputs
        known = self._signature is not None or self._has_signature(request.deadline)
        try:
            if not known:
                # The arm may answer after all, and may accept host arrays only.
                return request if self._device_tensors else _on_host(request)
            if not self._fits(inputs):
                self._check(inputs)
                if not self._device_tensors:
                    request = _on_host(request)
            if self._max_batch_size:
                self._check_batch(inputs)
            if request.deadline is not None:
                request.check_deadline()
        except TurnoutError as error:
            error.model = error.model or self._model
            self._on_refusal(error)
            raise
        return request

    def _read_signature(self) -> ModelSignature:
        """Return the signature of the open model, with declared inputs and outputs in place of its own."""
        if self._signature is None:
            known = self.inner.signature()
            signature = ModelSignature(self._declared.inputs or known.inputs, self._declared.outputs or known.outputs)
            self._quick = tuple((spec.name, spec.dtype, _GoodShapes(spec)) for spec in signature.inputs)
            # Last: another thread that sees the signature uses _quick without a lock.
            self._signature = signature
        return self._signature

    def _has_signature(self, deadline: float | None) -> bool:
        """Return whether the model could be opened; if not, the call itself raises the reason, and its arm counts it."""
        try:
            self.inner.open(deadline)
            self._read_signature()
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
        specs = {spec.name: spec for spec in self._read_signature().inputs}
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

    def _check_response(self, response: InferenceResponse) -> None:
        for spec in self._promised:
            if spec.name not in response:
                raise InferenceError(
                    f"model {self._model!r} returned no output {spec.name!r}, which turnout.yaml declares; "
                    f"it returned: {', '.join(response) or 'nothing'}. Correct 'outputs' of the model",
                    model=self._model,
                )
            array = response.outputs[spec.name]
            if not spec.accepts(array):
                raise InferenceError(
                    f"model {self._model!r} returned {spec.name!r} as {describe(array)}, turnout.yaml declares {spec}; "
                    f"correct 'outputs' of the model{self._correction(spec, array)}",
                    model=self._model,
                )

    def _correction(self, spec: TensorSpec, array: NDArray[Any]) -> str:
        """Return the declaration to write if the response is right: its own sizes, and what is free stays free."""
        given, declared = array.shape, spec.shape or ()
        if self._max_batch_size:
            if not given:
                return ""
            given, declared = given[1:], declared[1:]
        if len(given) == len(declared):
            given = tuple(-1 if free == -1 else size for size, free in zip(given, declared, strict=True))
        datatype = describe(array).partition(" ")[0]
        sizes = ",".join(map(str, given))
        return f"; if the response is right, declare outputs: {{{spec.name}: '{datatype}[{sizes}]'}}"


def _on_host(request: InferenceRequest) -> InferenceRequest:
    given: Mapping[str, object] = request.inputs
    if not any(isinstance(value, DeviceTensor) for value in given.values()):
        return request
    inputs: dict[str, Any] = {name: _copy_to_host(name, value) for name, value in given.items()}
    return InferenceRequest(inputs, request.deadline, request.id, request.parameters)


def _copy_to_host(name: str, value: object) -> object:
    if not isinstance(value, DeviceTensor):
        return value
    try:
        return value.on_host()
    except Exception as error:
        raise InvalidTensorError(
            f"tensor {name!r} cannot be copied from the GPU: {one_line(error)}; copy it to the CPU"
        ) from error


def _list(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in specs.items())
