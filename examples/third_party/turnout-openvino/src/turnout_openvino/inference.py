"""An OpenVINO model in this process."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelObserver, ModelSignature
from turnout.errors import (
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    InvalidTensorError,
    text_of,
)
from turnout.forking import Forks
from turnout.tensors import TensorSpec, as_tensor

_NARROW = np.iinfo(np.int32)


class OpenvinoInference(ModelInference):
    """Runs one compiled model.

    Thread-safe without a lock: each call has an infer request of OpenVINO for itself, which is used by one call at a time, and
    ``_idle``, a deque, keeps those that no call uses. ``_compiled`` changes once, in ``close``. The caller owns the outputs,
    which OpenVINO copies. A forked child refuses every request, because OpenVINO's threads are in the parent only.
    """

    def __init__(self, compiled: Any, signature: ModelSignature, model: str, version: str = "") -> None:
        self._compiled: Any = compiled
        self._signature = signature
        self._inputs = {spec.name: spec for spec in signature.inputs}
        self._output_names = [spec.name for spec in signature.outputs]
        self._model = model
        self._version = version
        self._idle: deque[Any] = deque()
        self._forks = Forks.count

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        compiled = self._compiled
        if compiled is None:
            raise ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
        if self._forks != Forks.count:
            raise ForkedAfterLoadError(
                f"model {self._model!r} was loaded by OpenVINO before this process was forked and may hang here; "
                "call turnout.open after the fork, in each worker"
            )
        request.check_deadline()
        arrays = self._read(request)
        call = self._idle.pop() if self._idle else compiled.create_infer_request()
        try:
            outputs = self._run(call, arrays, request)
        finally:
            self._idle.append(call)
        return InferenceResponse(dict(zip(self._output_names, outputs, strict=True)), request.id, model_version=self._version)

    def signature(self) -> ModelSignature:
        return self._signature

    def observe(self, observer: ModelObserver) -> None:
        observer.version(self._version)

    def ready(self) -> bool:
        return self._compiled is not None and self._forks == Forks.count

    def close(self) -> None:
        # A forked child keeps the model: its end waits for threads that exist only in the parent.
        if self._forks == Forks.count:
            self._compiled = None
            self._idle.clear()

    def _read(self, request: InferenceRequest) -> dict[str, NDArray[Any]]:
        if request.inputs.keys() != self._inputs.keys():
            given = ", ".join(request.inputs) or "nothing"
            raise InvalidTensorError(f"model {self._model!r} takes {', '.join(self._inputs)}, got: {given}")
        return {name: self._checked(spec, request.inputs[name]) for name, spec in self._inputs.items()}

    def _checked(self, spec: TensorSpec, array: NDArray[Any]) -> NDArray[Any]:
        if not isinstance(array, np.ndarray):
            raise InvalidTensorError(f"tensor {spec.name!r} must be {spec}, got {type(array).__name__}; pass a numpy array")
        spec.check(array)
        array = np.ascontiguousarray(as_tensor(array, spec.name)).reshape(array.shape)
        if spec.datatype == "INT64" and array.size and (array.max() > _NARROW.max or array.min() < _NARROW.min):
            raise InvalidTensorError(
                f"tensor {spec.name!r} of model {self._model!r} has values beyond 32 bits, and OpenVINO computes INT64 as "
                "INT32; use another backend for them"
            )
        return array

    def _run(self, call: Any, arrays: dict[str, NDArray[Any]], request: InferenceRequest) -> list[NDArray[Any]]:
        remaining = request.remaining_seconds()
        try:
            if remaining is None:
                return list(call.infer(arrays, share_inputs=True).to_tuple())
            call.start_async(arrays, share_inputs=True)
            if call.wait_for(math.ceil(remaining * 1000)):
                return [np.array(tensor.data) for tensor in call.output_tensors]
        except Exception as error:
            raise InferenceError(
                f"model {self._model!r} failed in OpenVINO: {text_of(error)}; try other inputs, then check the model"
            ) from error
        self._cancel(call)
        raise DeadlineExceededError(f"model {self._model!r} did not answer within {remaining:.3g} s; allow more time")

    def _cancel(self, call: Any) -> None:
        """End what ``call`` runs: OpenVINO looks between two operators, so this lasts as long as one of them."""
        call.cancel()
        try:
            call.wait()
        except RuntimeError:
            # A request that was cancelled reports it here.
            return
