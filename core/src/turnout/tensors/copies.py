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
