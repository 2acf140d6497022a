"""Calls with BF16 tensors, which ONNX Runtime's numpy interface does not support."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_ONNX_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16


class OrtValueRun:
    """Runs a session with OrtValues, so that BF16 keeps every bit; has the signature of ``session.run``."""

    def __init__(self, session: Any, ort_value: Any) -> None:
        self._run: Callable[..., list[Any]] = session.run_with_ort_values
        self._ort_value = ort_value

    def __call__(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]], run_options: Any) -> list[NDArray[Any]]:
        values = {name: self._to_value(array) for name, array in feeds.items()}
        return [_to_array(value) for value in self._run(names, values, run_options)]

    def _to_value(self, array: NDArray[Any]) -> Any:
        # ortvalue_from_numpy_with_onnx_type (1.32) ignores strides without an error.
        array = np.asarray(array, order="C")
        if array.dtype == BFLOAT16:
            return self._ort_value.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), _ONNX_BFLOAT16)
        return self._ort_value.ortvalue_from_numpy(array)


def _to_array(value: Any) -> NDArray[Any]:
    if value.data_type() != "tensor(bfloat16)":
        array: NDArray[Any] = value.numpy()
        return array
    shape = tuple(value.shape())
    size = math.prod(shape) * BFLOAT16.itemsize
    # OrtValue.numpy() and DLPack both refuse BF16 (1.32), so copy the memory while ``value`` keeps it alive.
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(data, dtype=BFLOAT16).reshape(shape).copy()
