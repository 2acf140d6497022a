"""The data of tensors on a GPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import DeviceTensor
from turnout_triton.client.messages import Buffer


class DeviceBuffer:
    """The data of ``tensor``, which lies on a GPU; ``len`` is their size."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: DeviceTensor) -> None:
        self.tensor = tensor

    def __len__(self) -> int:
        return self.tensor.nbytes


def on_host(buffer: Buffer) -> Buffer:
    """Return ``buffer``, copied to this process's memory if it lies on a GPU."""
    if not isinstance(buffer, DeviceBuffer):
        return buffer
    copied: NDArray[np.uint8] = buffer.tensor.on_host().reshape(-1).view(np.uint8)
    return copied
