"""BF16 tensors through DLPack, the only way that the python backend carries them: numpy has no such dtype there.

In this package a BF16 tensor is an array of ``BFLOAT16``: the two bytes of each element, uninterpreted.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BFLOAT16 = np.dtype("V2")
TRITON_TYPE = "TYPE_BF16"

_CODE, _BITS = 4, 16  # dlpack.h: kDLBfloat
_CPU = 1
_NAME = b"dltensor"


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _ManagedTensor(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_ManagedTensor))
_ManagedTensor._fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype = ctypes.c_void_p
_pointer_in.argtypes = (ctypes.py_object, ctypes.c_char_p)

_lent: dict[int, tuple[Any, ...]] = {}
"""The memory behind each capsule, until its consumer calls the deleter."""
_numbers = itertools.count(1)


def from_capsule(capsule: Any) -> NDArray[Any]:
    """Return a copy of the BF16 tensor in ``capsule``."""
    tensor = ctypes.cast(_pointer_in(capsule, _NAME), ctypes.POINTER(_ManagedTensor)).contents.tensor
    if (tensor.code, tensor.bits) != (_CODE, _BITS):
        raise TypeError(f"a BF16 tensor came with DLPack's datatype {tensor.code}, {tensor.bits} bits")
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    size = math.prod(shape) * BFLOAT16.itemsize
    data = ctypes.string_at(tensor.data + tensor.byte_offset, size) if size else b""
    return np.frombuffer(data, dtype=BFLOAT16).reshape(shape)


def to_capsule(array: NDArray[Any]) -> Any:
    """Return a capsule with the BF16 tensor ``array``, which stays alive until the consumer calls the capsule's deleter."""
    array = np.asarray(array, order="C")
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    number = next(_numbers)
    managed = _ManagedTensor(_Tensor(array.ctypes.data, _CPU, 0, array.ndim, _CODE, _BITS, 1, shape, None, 0), number, _deleter)
    _lent[number] = (array, shape, managed)
    return _new_capsule(ctypes.addressof(managed), _NAME, None)


def _release(managed: Any) -> None:
    _lent.pop(managed.contents.context, None)


_deleter = _Deleter(_release)
