"""Tensors on a GPU."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, text_of
from turnout.tensors.datatypes import datatype_of


class DeviceTensor:
    """A tensor on a GPU with the attributes of an array; its data stay there until ``on_host`` copies them.

    Tested with CUDA's array interface over host memory only, not on a GPU.

    Attributes:
        source: a torch tensor on ``cuda``, a CuPy array, or another object with CUDA's array interface.
        dtype: the numpy dtype.
        shape: the shape.
    """

    __slots__ = ("dtype", "shape", "source")

    def __init__(self, source: Any) -> None:
        described = source.__cuda_array_interface__
        self.source = source
        self.dtype: np.dtype[Any] = np.dtype(described["typestr"])
        self.shape: tuple[int, ...] = tuple(map(operator.index, described["shape"]))
        if min(self.shape, default=0) < 0 or self.dtype.kind in "OSU":
            raise ValueError(f"it is numpy {self.dtype} {list(self.shape)}")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The size of the data in bytes."""
        size = self.dtype.itemsize
        for length in self.shape:
            size *= length
        return size

    @property
    def device(self) -> int:
        """The number of the GPU."""
        place = self.source.device
        return int(getattr(place, "index", None) or getattr(place, "id", None) or 0)

    def on_host(self) -> NDArray[Any]:
        """Return a copy in host memory; blocks until the GPU has computed it."""
        copied = self.source.cpu().numpy() if hasattr(self.source, "cpu") else self.source.get()
        return np.ascontiguousarray(copied)


def device_tensor_of(value: object, name: str) -> DeviceTensor | None:
    """Return ``value`` as a DeviceTensor if it is on a GPU, else None.

    Raises:
        InvalidTensorError: it is on a GPU and cannot be described, or has a datatype that CUDA's array interface does not
            support, such as bfloat16.
    """
    try:
        found = getattr(value, "__cuda_array_interface__", None)
        tensor = None if found is None else DeviceTensor(value)
        if tensor is not None:
            datatype_of(tensor.dtype)
    except Exception as error:
        raise InvalidTensorError(
            f"tensor {name!r} on a GPU cannot be read: {text_of(error)}; copy it to the CPU", field=name
        ) from error
    return tensor
