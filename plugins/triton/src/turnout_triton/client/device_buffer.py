"""Data of input tensors that are in GPU memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import DeviceTensor
from turnout_triton.client.messages import Buffer


class DeviceBuffer:
    """The data of ``tensor``, which is in GPU memory; ``len`` is their size in bytes."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: DeviceTensor) -> None:
        self.tensor = tensor

    def __len__(self) -> int:
        return self.tensor.nbytes


def copy_to_host(buffer: Buffer) -> Buffer:
    """Return ``buffer`` itself, or a copy in this process's memory if it is on a GPU."""
    if not isinstance(buffer, DeviceBuffer):
        return buffer
    copied: NDArray[np.uint8] = buffer.tensor.on_host().reshape(-1).view(np.uint8)
    return copied
