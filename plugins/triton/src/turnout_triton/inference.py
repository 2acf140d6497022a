"""A model that a Triton server runs, as a ModelInference."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelObserver, ModelSignature
from turnout.errors import ClosedError, DeadlineExceededError, InvalidTensorError, TurnoutError, text_of
from turnout.tensors import DeviceTensor, datatype_of
from turnout_triton.client.failures import UnreadableResponseError
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, TensorHead, new_tuple
from turnout_triton.client.parameters import check_parameters
from turnout_triton.client.reports import Reports
from turnout_triton.client.transport import Transport
from turnout_triton.expected_outputs import ExpectedOutputs
from turnout_triton.served_model import ServedModel
from turnout_triton.tensor_bytes import COPIED_BYTES, PLAIN_NUMBERS, array_of, form_of, wire_buffer

_READY_SECONDS = 2.0
# After a response without an expected output the server is asked again, this often at most.
_LOOK_SECONDS = 1.0
_TENSORS = (np.ndarray, DeviceTensor)
_Difference = Callable[[ExpectedOutputs, tuple[TensorHead, ...]], str]
_MOST_HEADS = 512
_READ_ONLY = (bytes, memoryview)


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
        reports: Reports | None = None,
    ) -> None:
        self._reports = reports or Reports()
        self._reports.version = served.answering
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
        try:
            response = self._transport.infer(message, timeout_seconds)
        except TurnoutError as error:
            self._reports.record_error(error, message)
            raise
        received = time.perf_counter()
        if response.version != self._reports.version or self._reports.is_down:
            self._reports.record_answer(response.version)
        if response.heads not in self._expected.fitting:
            self._check(response.heads, ExpectedOutputs.difference, deadline)
        outputs = self._decode(response)
        timings = {"encode": sent - start, "round_trip": received - sent, "decode": time.perf_counter() - received}
        return InferenceResponse(outputs, request.id, timings, None, response.version)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        message, timeout_seconds = self._encode(request)
        deadline = time.monotonic() + timeout_seconds
        # Closed with this generator: a caller that leaves early cancels the request on the server.
        with contextlib.closing(self._transport.stream(message, timeout_seconds)) as responses:
            for response in responses:
                if response.version != self._reports.version or self._reports.is_down:
                    self._reports.record_answer(response.version)
                self._check(response.heads, ExpectedOutputs.difference_of_part, deadline)
                yield InferenceResponse(self._decode(response), request.id, model_version=response.version)

    def signature(self) -> ModelSignature:
        return self._served.signature

    def refresh(self, deadline: float | None = None) -> None:
        if self._closed:
            raise ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
        seconds = self._timeout_seconds if deadline is None else deadline - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceededError(f"model {self._model!r}: no time is left to read its signature; allow a longer timeout")
        self._keep(self._read(seconds))

    def observe(self, observer: ModelObserver) -> None:
        self._reports.start(observer)

    def ready(self) -> bool:
        if self._closed:
            return False
        return self._transport.ready(self._served.name, self._served.version, _READY_SECONDS)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.close()
            self._reports.end()

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
            if type(array) is np.ndarray and array.dtype in PLAIN_NUMBERS and array.nbytes < COPIED_BYTES:
                heads.append(known.get((name, array.dtype, array.shape)) or self._keep_head(name, array))
                buffers.append(array.tobytes())
            else:
                heads.append(self._head(name, array))
                buffers.append(wire_buffer(array, name))
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
            form, raw = form_of(head), data.get(head.name, b"")
            # What _array does for a small one, as most are.
            if form and type(raw) in _READ_ONLY and len(raw) == form.size_bytes < COPIED_BYTES and head.name not in widened:
                outputs[head.name] = np.ndarray(head.shape, form.dtype, bytearray(raw))
            else:
                outputs[head.name] = self._array(head, data)
        return outputs

    def _array(self, head: TensorHead, data: Mapping[str, Buffer]) -> NDArray[Any]:
        try:
            array = array_of(data[head.name], head)
        except (LookupError, ValueError, ArithmeticError, InvalidTensorError) as error:
            raise _broken_output_error(self._model, head, error) from error
        return array.reshape(array.shape[:-1]) if head.name in self._served.widened and head.shape[-1:] == (1,) else array


def _broken_output_error(model: str, head: TensorHead, error: Exception) -> TurnoutError:
    return UnreadableResponseError(
        f"model {model!r}: output {head.name!r} of the server's response is broken: {text_of(error)}; see the server's log"
    )
