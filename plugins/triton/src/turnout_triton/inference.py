"""A model that a Triton server runs."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import ClosedError, InferenceError, InvalidTensorError, TurnoutError, text_of
from turnout.tensors import BYTES, DTYPES, DeviceTensor, datatype_of, from_binary, to_binary
from turnout_triton.client.device import DeviceBuffer
from turnout_triton.client.messages import Answer, Ask, Buffer, TensorHead, Transport
from turnout_triton.client.parameters import check_parameters
from turnout_triton.signature import ServedModel

_READY_SECONDS = 2.0
_TENSORS = (np.ndarray, DeviceTensor)
# Below this a copy costs less than the three views that avoid it.
_COPIED_BYTES = 16_384
# What is the same in memory and on the wire, whatever its bits.
_PLAIN = {name: dtype for name, dtype in DTYPES.items() if name not in (BYTES, "BOOL") and sys.byteorder == "little"}


class TritonInference(ModelInference):
    """Asks one model of a server. Thread-safe, as its transport is; an answer's arrays are their holder's alone, to write to.

    A request without a deadline gets ``timeout_seconds``.
    """

    def __init__(self, transport: Transport, served: ServedModel, model: str, timeout_seconds: float) -> None:
        self._transport = transport
        self._served = served
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._promised = frozenset(spec.name for spec in served.signature.outputs)
        self._closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        ask, timeout_seconds = self._prepared(request)
        response = self._response(self._transport.infer(ask, timeout_seconds), request.id)
        if not self._promised <= response.outputs.keys():
            raise self._incomplete(response)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        ask, timeout_seconds = self._prepared(request)
        with contextlib.closing(self._transport.stream(ask, timeout_seconds)) as answers:
            for answer in answers:
                yield self._response(answer, request.id)

    def signature(self) -> ModelSignature:
        return self._served.signature

    def ready(self) -> bool:
        if self._closed:
            return False
        return self._transport.ready(self._served.name, self._served.version, _READY_SECONDS)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.close()

    def _prepared(self, request: InferenceRequest) -> tuple[Ask, float]:
        if self._closed:
            raise ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
        if request.parameters:
            check_parameters(request.parameters, self._model)
        timeout_seconds = self._timeout_seconds
        if request.deadline is not None:
            request.check_deadline()
            timeout_seconds = request.deadline - time.monotonic()
        inputs, served = request.inputs, self._served
        heads = tuple([self._head(name, inputs[name]) for name in inputs])
        buffers = tuple([_buffer(inputs[name], name) for name in inputs])
        return Ask(served.name, served.version, request.id, request.parameters, heads, buffers), timeout_seconds

    def _head(self, name: str, array: NDArray[Any] | DeviceTensor) -> TensorHead:
        if not isinstance(array, _TENSORS):
            raise InvalidTensorError(
                f"tensor {name!r} must be a numpy array, got {type(array).__name__}, for model {self._model!r}; "
                "convert it with numpy.asarray"
            )
        shape = (*array.shape, 1) if name in self._served.widened else array.shape
        return TensorHead(name, datatype_of(array.dtype), shape)

    def _response(self, answer: Answer, id: str) -> InferenceResponse:
        return InferenceResponse({head.name: self._array(head, answer.data) for head in answer.heads}, id)

    def _incomplete(self, response: InferenceResponse) -> InferenceError:
        missing = ", ".join(repr(name) for name in sorted(self._promised.difference(response)))
        return InferenceError(
            f"model {self._model!r}: the server's answer lacks output {missing}; it has: {', '.join(response) or 'none'}; "
            "look into its log"
        )

    def _array(self, head: TensorHead, data: Mapping[str, Buffer]) -> NDArray[Any]:
        try:
            array = _owned(data[head.name], head)
        except (LookupError, ValueError, ArithmeticError, InvalidTensorError) as error:
            raise _broken(self._model, head, error) from error
        return array.reshape(array.shape[:-1]) if head.name in self._served.widened and head.shape[-1:] == (1,) else array


def _buffer(array: NDArray[Any] | DeviceTensor, name: str) -> Buffer:
    """Return the data of ``array`` in KServe's form; large ones without a copy where they lie in memory like that."""
    if isinstance(array, DeviceTensor):
        return DeviceBuffer(array)
    if datatype_of(array.dtype) == BYTES or not array.dtype.isnative:
        return to_binary(array, name)
    if array.nbytes < _COPIED_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _owned(data: Buffer, head: TensorHead) -> NDArray[Any]:
    """Return an array of ``data``: of its very memory where that is nobody else's, of a copy where it is read-only.

    Raises:
        InvalidTensorError: it is longer or shorter than the head says.
    """
    dtype = _PLAIN.get(head.datatype)
    if dtype is None or not len(data):
        return from_binary(data, head.datatype, head.shape, head.name)
    try:
        array: NDArray[Any] = np.frombuffer(data, dtype).reshape(head.shape)
    except ValueError:
        return from_binary(data, head.datatype, head.shape, head.name)  # which says what is wrong
    if array.shape != head.shape:  # a size of -1 is none
        return from_binary(data, head.datatype, head.shape, head.name)
    flags = array.flags
    return array if flags.writeable and flags.aligned else array.copy()


def _broken(model: str, head: TensorHead, error: Exception) -> TurnoutError:
    return InferenceError(
        f"model {model!r}: the server's answer for output {head.name!r} is broken: {text_of(error)}; look into its log"
    )
