"""Requests and responses of KServe v2, without the protocol that carries them.

Named tuples, because a frozen dataclass takes several times as long to make and to hash, and every call pays for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from turnout.tensors import dtype_of

Buffer = Any
"""Contiguous bytes: ``bytes``, ``bytearray``, a memoryview of bytes, or a UINT8 array of one axis; ``len`` is their size."""


new_tuple = tuple.__new__
"""Makes a named tuple of all its fields, on the path of every request: the class itself is a call of a Python function."""


class RegionSlice(NamedTuple):
    """A part of the shared memory region that is registered as ``region``."""

    region: str
    size_bytes: int
    offset: int = 0


class TensorHead(NamedTuple):
    """Name, KServe datatype and shape of a tensor; its data is in ``shared``, or in the message where that is None."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    shared: RegionSlice | None = None

    @property
    def size_bytes(self) -> int:
        """The size of the data; meaningless for BYTES, whose elements have sizes of their own."""
        # Python's integers cannot overflow: a broken server may send any shape.
        size = dtype_of(self.datatype).itemsize
        for length in self.shape:
            size *= length
        return size


class RequestedOutput(NamedTuple):
    """An output that is requested by name; the server writes it to ``shared``, or into the message where that is None."""

    name: str
    shared: RegionSlice | None = None


class KServeRequest(NamedTuple):
    """A request for a model.

    Attributes:
        model: the model's name on the server.
        version: its version; empty lets the server choose.
        id: an id that comes back in the response.
        parameters: as ``check_parameters`` allows them.
        heads: the inputs.
        buffers: the data of the inputs that are not in shared memory, in order.
        outputs: the outputs to return; empty returns all.
    """

    model: str
    version: str
    id: str
    parameters: Mapping[str, str | int | float | bool]
    heads: tuple[TensorHead, ...]
    buffers: tuple[Buffer, ...]
    outputs: tuple[RequestedOutput, ...] = ()


class KServeResponse(NamedTuple):
    """A server's response: the heads of the outputs, by name the data of those that the message carried, and the version."""

    id: str
    heads: tuple[TensorHead, ...]
    data: Mapping[str, Buffer]
    parameters: Mapping[str, str | int | float | bool] = MappingProxyType({})
    version: str = ""
