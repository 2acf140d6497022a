"""Tensors between arrays and the bytes of messages."""

from __future__ import annotations

import functools
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import BYTES, DTYPES, DeviceTensor, datatype_of, from_binary, to_binary
from turnout_triton.client.device_buffer import DeviceBuffer
from turnout_triton.client.messages import Buffer, TensorHead

COPIED_BYTES = 16_384
"""Below this a copy costs less than the three views that avoid it."""

# The datatypes whose memory is their wire form. Not BOOL: a byte other than 0 and 1 is not a valid numpy bool.
_PLAIN = {name: dtype for name, dtype in DTYPES.items() if name not in (BYTES, "BOOL") and sys.byteorder == "little"}
PLAIN_NUMBERS = frozenset(DTYPES[name] for name in (*_PLAIN, "BOOL") if sys.byteorder == "little")
"""Their dtypes, and BOOL's, in the byte order of the wire."""


def wire_buffer(array: NDArray[Any] | DeviceTensor, name: str) -> Buffer:
    """Return the data of ``array`` in KServe's binary form; a large contiguous array is not copied."""
    if isinstance(array, DeviceTensor):
        return DeviceBuffer(array)
    if datatype_of(array.dtype) == BYTES or not array.dtype.isnative:
        return to_binary(array, name)
    if array.nbytes < COPIED_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


class TensorForm(NamedTuple):
    """The dtype and the size of a tensor of numbers."""

    dtype: np.dtype[Any]
    size_bytes: int


# A model answers with few shapes.
@functools.lru_cache(maxsize=512)
def form_of(head: TensorHead) -> TensorForm | None:
    """Return the form of a tensor whose memory is its wire form; None where ``from_binary`` has to look at it."""
    dtype = _PLAIN.get(head.datatype)
    return None if dtype is None or any(size <= 0 for size in head.shape) else TensorForm(dtype, head.size_bytes)


def array_of(data: Buffer, head: TensorHead) -> NDArray[Any]:
    """Return an array of ``data``: a view where the memory is writable and aligned, else a copy.

    Raises:
        InvalidTensorError: the data are longer or shorter than datatype and shape.
    """
    form = form_of(head)
    if form is None or len(data) != form.size_bytes:
        return from_binary(data, head.datatype, head.shape, head.name)  # raises where the length is wrong
    array: NDArray[Any] = np.frombuffer(data, form.dtype).reshape(head.shape)
    # gRPC's messages are read-only bytes; HTTP's large bodies and shared memory are writable, and are this response's.
    flags = array.flags
    return array if flags.writeable and flags.aligned else array.copy()
