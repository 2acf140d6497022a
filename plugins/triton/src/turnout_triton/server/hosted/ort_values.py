"""Arrays to and from OrtValues, the only form in which ONNX Runtime accepts BF16."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_triton.server.hosted.bfloat16 import BFLOAT16

_ONNX_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16


def to_value(ort_value: Any, array: NDArray[Any]) -> Any:
    """Return ``array`` as an OrtValue."""
    array = np.asarray(array, order="C")
    if array.dtype == BFLOAT16:
        return ort_value.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), _ONNX_BFLOAT16)
    return ort_value.ortvalue_from_numpy(array)


def from_value(value: Any) -> NDArray[Any]:
    """Return an OrtValue as an array; BF16 is copied from its memory, because OrtValue.numpy() and DLPack refuse it."""
    if value.data_type() != "tensor(bfloat16)":
        array: NDArray[Any] = value.numpy()
        return array
    shape = tuple(value.shape())
    size = math.prod(shape) * BFLOAT16.itemsize
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(data, dtype=BFLOAT16).reshape(shape)
