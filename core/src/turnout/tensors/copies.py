"""Copies of tensors whose owner may change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import DeviceTensor


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
