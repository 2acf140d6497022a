"""A model that a Triton server runs, as a ModelInference."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import ClosedError, DeadlineExceededError, InvalidTensorError, TurnoutError, text_of
from turnout.tensors import BYTES, DTYPES, DeviceTensor, datatype_of, from_binary, to_binary
from turnout_triton.client.device_buffer import DeviceBuffer
from turnout_triton.client.failures import UnreadableResponseError
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, TensorHead, new_tuple
from turnout_triton.client.parameters import check_parameters
from turnout_triton.client.transport import Transport
from turnout_triton.expected_outputs import ExpectedOutputs
from turnout_triton.served_model import ServedModel

_READY_SECONDS = 2.0
# After a response without an expected output the server is asked again, this often at most.
_LOOK_SECONDS = 1.0
_TENSORS = (np.ndarray, DeviceTensor)
# Below this a copy costs less than the three views that avoid it.
_COPIED_BYTES = 16_384
_Difference = Callable[[ExpectedOutputs, tuple[TensorHead, ...]], str]
_MOST_HEADS = 512
_READ_ONLY = (bytes, memoryview)
# The datatypes whose memory is their wire form. Not BOOL: a byte other than 0 and 1 is not a valid numpy bool.
_PLAIN = {name: dtype for name, dtype in DTYPES.items() if name not in (BYTES, "BOOL") and sys.byteorder == "little"}
# Their dtypes, and BOOL's, in the byte order of the wire.
_NUMBERS = frozenset(DTYPES[name] for name in (*_PLAIN, "BOOL") if sys.byteorder == "little")


class TritonInference(ModelInference):
    """Runs one model of a server. Thread-safe, as its transport is; a response's arrays belong to the caller, who may write.

    The timings of a response are those of arrays to messages, of the round trip, and of messages to arrays. A request without a
    deadline gets ``timeout_seconds``. A server may load another model under the same name: ``refresh``, and
    a response without an expected output, call ``read``, which returns the model as the server describes it within the seconds
    that it gets.
    """

    def __init__(
        self,
        transport: Transport,
        served: ServedModel,
        model: str,
        timeout_seconds: float,
        read: Callable[[float], ServedModel] | None = None,
    ) -> None:
        self._transport = transport
        self._read = read or (lambda _: served)
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._closed = False
        self._keep(served)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        start = time.perf_counter()
        message, timeout_seconds = self._encode(request)
        deadline = time.monotonic() + timeout_seconds
        sent = time.perf_counter()
        response = self._transport.infer(message, timeout_seconds)
        received = time.perf_counter()
        if response.heads not in self._expected.fitting:
            self._check(response.heads, ExpectedOutputs.difference, deadline)
        outputs = self._decode(response)
        timings = {"encode": sent - start, "round_trip": received - sent, "decode": time.perf_counter() - received}
        return InferenceResponse(outputs, request.id, timings)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        message, timeout_seconds = self._encode(request)
        deadline = time.monotonic() + timeout_seconds
        # Closed with this generator: a caller that leaves early cancels the request on the server.
        with contextlib.closing(self._transport.stream(message, timeout_seconds)) as responses:
            for response in responses:
                self._check(response.heads, ExpectedOutputs.difference_of_part, deadline)
                yield InferenceResponse(self._decode(response), request.id)

    def signature(self) -> ModelSignature:
        return self._served.signature

    def refresh(self, deadline: float | None = None) -> None:
        if self._closed:
            raise ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
        seconds = self._timeout_seconds if deadline is None else deadline - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceededError(f"model {self._model!r}: no time is left to read its signature; allow a longer timeout")
        self._keep(self._read(seconds))

    def ready(self) -> bool:
        if self._closed:
            return False
        return self._transport.ready(self._served.name, self._served.version, _READY_SECONDS)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.close()

    def _keep(self, served: ServedModel) -> None:
        self._served = served
        # By name, dtype and shape. No lock: each operation is atomic, and a lost entry is made again.
        self._heads: dict[tuple[str, np.dtype[Any], tuple[int, ...]], TensorHead] = {}
        self._expected = ExpectedOutputs(served)
        self._looked_at = time.monotonic()

    def _check(self, heads: tuple[TensorHead, ...], difference: _Difference, deadline: float) -> None:
        """Raise UnreadableResponseError unless ``heads`` are outputs of the model that the server has by now."""
        now = time.monotonic()
        if difference(self._expected, heads) and now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now  # before the call, which may fail; other threads must not ask too
            with contextlib.suppress(TurnoutError):  # the response is wrong then, as far as is known
                self.refresh(min(now + _READY_SECONDS, deadline))
        if wrong := difference(self._expected, heads):
            raise UnreadableResponseError(
                f"model {self._model!r}: the server's response {wrong}; see the server's log, or reload if the model changed"
            )

    def _encode(self, request: InferenceRequest) -> tuple[KServeRequest, float]:
        """Return the message for ``request``, and the seconds until its deadline."""
        if self._closed:
            raise ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
        if request.parameters:
            check_parameters(request.parameters, self._model)
        timeout_seconds = self._timeout_seconds
        if request.deadline is not None:
            request.check_deadline()
            timeout_seconds = request.deadline - time.monotonic()
        served, known = self._served, self._heads
        heads, buffers = [], []
        for name, array in request.inputs.items():
            # Small arrays of numbers, as most are: the few operations that they need, and a head that was made before.
            if type(array) is np.ndarray and array.dtype in _NUMBERS and array.nbytes < _COPIED_BYTES:
                heads.append(known.get((name, array.dtype, array.shape)) or self._keep_head(name, array))
                buffers.append(array.tobytes())
            else:
                heads.append(self._head(name, array))
                buffers.append(_buffer(array, name))
        fields = served.name, served.version, request.id, request.parameters, tuple(heads), tuple(buffers), ()
        return new_tuple(KServeRequest, fields), timeout_seconds

    def _keep_head(self, name: str, array: NDArray[Any]) -> TensorHead:
        head = self._head(name, array)
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[name, array.dtype, array.shape] = head
        return head

    def _head(self, name: str, array: NDArray[Any] | DeviceTensor) -> TensorHead:
        if not isinstance(array, _TENSORS):
            raise InvalidTensorError(
                f"tensor {name!r} must be a numpy array, got {type(array).__name__}, for model {self._model!r}; "
                "convert it with numpy.asarray"
            )
        shape = (*array.shape, 1) if name in self._served.widened else array.shape
        return TensorHead(name, datatype_of(array.dtype), shape)

    def _decode(self, response: KServeResponse) -> dict[str, NDArray[Any]]:
        data, widened = response.data, self._served.widened
        outputs: dict[str, NDArray[Any]] = {}
        for head in response.heads:
            form, raw = _form_of(head), data.get(head.name, b"")
            # What _array does for a small one, as most are.
            if form and type(raw) in _READ_ONLY and len(raw) == form.size_bytes < _COPIED_BYTES and head.name not in widened:
                outputs[head.name] = np.ndarray(head.shape, form.dtype, bytearray(raw))
            else:
                outputs[head.name] = self._array(head, data)
        return outputs

    def _array(self, head: TensorHead, data: Mapping[str, Buffer]) -> NDArray[Any]:
        try:
            array = _to_array(data[head.name], head)
        except (LookupError, ValueError, ArithmeticError, InvalidTensorError) as error:
            raise _broken_output_error(self._model, head, error) from error
        return array.reshape(array.shape[:-1]) if head.name in self._served.widened and head.shape[-1:] == (1,) else array


def _buffer(array: NDArray[Any] | DeviceTensor, name: str) -> Buffer:
    """Return the data of ``array`` in KServe's binary form; a large contiguous array is not copied."""
    if isinstance(array, DeviceTensor):
        return DeviceBuffer(array)
    if datatype_of(array.dtype) == BYTES or not array.dtype.isnative:
        return to_binary(array, name)
    if array.nbytes < _COPIED_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


class _Form(NamedTuple):
    """The dtype and the size of a tensor of numbers."""

    dtype: np.dtype[Any]
    size_bytes: int


# A model answers with few shapes.
@functools.lru_cache(maxsize=512)
def _form_of(head: TensorHead) -> _Form | None:
    """Return the form of a tensor whose memory is its wire form; None where ``from_binary`` has to look at it."""
    dtype = _PLAIN.get(head.datatype)
    return None if dtype is None or any(size <= 0 for size in head.shape) else _Form(dtype, head.size_bytes)


def _to_array(data: Buffer, head: TensorHead) -> NDArray[Any]:
    """Return an array of ``data``: a view where the memory is writable and aligned, else a copy.

    Raises:
        InvalidTensorError: the data are longer or shorter than datatype and shape.
    """
    form = _form_of(head)
    if form is None or len(data) != form.size_bytes:
        return from_binary(data, head.datatype, head.shape, head.name)  # raises where the length is wrong
    array: NDArray[Any] = np.frombuffer(data, form.dtype).reshape(head.shape)
    # gRPC's messages are read-only bytes; HTTP's large bodies and shared memory are writable, and are this response's.
    flags = array.flags
    return array if flags.writeable and flags.aligned else array.copy()


def _broken_output_error(model: str, head: TensorHead, error: Exception) -> TurnoutError:
    return UnreadableResponseError(
        f"model {model!r}: output {head.name!r} of the server's response is broken: {text_of(error)}; see the server's log"
    )
