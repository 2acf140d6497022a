"""Tensors that lie on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, text_of
from turnout.tensors.datatypes import datatype_of


class DeviceTensor:
    """A tensor on a GPU, described as an array is; its data stay there until ``on_host`` copies them.

    Untested on a GPU: there was none where it was written.

    Attributes:
        source: what it was made of: a torch tensor on ``cuda``, a CuPy array, anything with CUDA's array interface.
        dtype: its numpy dtype.
        shape: its shape.
    """

    __slots__ = ("dtype", "shape", "source")

    def __init__(self, source: Any) -> None:
        described = source.__cuda_array_interface__
        self.source = source
        self.dtype: np.dtype[Any] = np.dtype(described["typestr"])
        self.shape: tuple[int, ...] = tuple(described["shape"])

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The size of its data in bytes."""
        size = self.dtype.itemsize
        for length in self.shape:
            size *= length
        return size

    @property
    def device(self) -> int:
        """The number of its GPU."""
        place = self.source.device
        return int(getattr(place, "index", None) or getattr(place, "id", None) or 0)

    def on_host(self) -> NDArray[Any]:
        """Return a copy in this process's memory; blocks until the GPU has it."""
        copied = self.source.cpu().numpy() if hasattr(self.source, "cpu") else self.source.get()
        return np.ascontiguousarray(copied)


def device_tensor_of(value: object, name: str) -> DeviceTensor | None:
    """Return ``value`` if it lies on a GPU, else None.

    Raises:
        InvalidTensorError: it does, but has a datatype that CUDA's array interface does not carry, as torch's bfloat16.
    """
    try:
        found = getattr(value, "__cuda_array_interface__", None)
        tensor = None if found is None else DeviceTensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidTensorError(f"tensor {name!r} on a GPU cannot be read: {text_of(error)}; copy it to the CPU") from error
    if tensor is not None:
        datatype_of(tensor.dtype)
    return tensor
