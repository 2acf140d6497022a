"""Copies of tensors whose owner may change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import DeviceTensor

SMALL_BYTES = 1 << 18
"""Reading or copying this much takes about as long as the way to a thread and back, 0.1 ms."""
_FEW_ELEMENTS = 256


def is_small(tensors: object) -> bool:
    """Return whether ``tensors`` is a dict of plain arrays that an event loop may read or copy itself; reads few elements."""
    if type(tensors) is not dict:
        return False
    size = 0
    for tensor in tensors.values():
        if type(tensor) is not np.ndarray:
            return False
        size += tensor.nbytes
        if size > SMALL_BYTES or (tensor.dtype.kind in "OSU" and tensor.size > _FEW_ELEMENTS):
            return False
        if tensor.dtype.hasobject:
            elements = tensor.ravel().tolist()
            if not all(type(element) in (bytes, str) for element in elements):
                return False
            size += sum(map(len, elements))
    return size <= SMALL_BYTES


def size_of(tensors: Mapping[str, Any]) -> int:
    """Return the bytes of all arrays; BYTES elements count as pointers."""
    return sum(tensor.nbytes for tensor in tensors.values())


def copy_tensors(tensors: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return copies in host memory, of tensors on a GPU too."""
    return {
        name: tensor.on_host() if isinstance(tensor, DeviceTensor) else np.array(tensor) for name, tensor in tensors.items()
    }


def copy_small_tensors(tensors: Mapping[str, Any], most_bytes: int) -> dict[str, NDArray[Any]] | None:
    """Return copies in host memory; None if they, BYTES elements included, take more than ``most_bytes``."""
    try:
        size = size_of(tensors) + sum(_size_of_elements(tensor) for tensor in tensors.values() if tensor.dtype.hasobject)
        return copy_tensors(tensors) if size <= most_bytes else None
    except (AttributeError, TypeError):  # no tensors: a backend without a signature has answered something else
        return None


def _size_of_elements(array: NDArray[Any]) -> int:
    return sum(map(len, array.flat))
