"""What is asked of a server and what it answers, whatever protocol carries it.

Named tuples, because a frozen dataclass takes several times as long to make and to hash, which every call pays.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from turnout.tensors import dtype_of

Buffer = Any
"""Contiguous bytes: ``bytes``, ``bytearray``, a memoryview of bytes, or a UINT8 array of one axis; ``len`` is their size."""


class Place(NamedTuple):
    """A part of a shared memory region that the server knows by ``region``."""

    region: str
    size_bytes: int
    offset: int = 0


class TensorHead(NamedTuple):
    """Name, KServe datatype and shape of a tensor; ``place`` is where its data is, None where the message carries it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    place: Place | None = None

    @property
    def size_bytes(self) -> int:
        """The size of its data; of no meaning for BYTES."""
        size = dtype_of(self.datatype).itemsize
        for length in self.shape:
            size *= length
        return size


class WantedOutput(NamedTuple):
    """An output that is asked for by name, to be written to ``place`` or, where that is None, sent back."""

    name: str
    place: Place | None = None


class Ask(NamedTuple):
    """A request for a model.

    Attributes:
        model: the model's name on the server.
        version: its version; empty is the server's choice.
        heads: the inputs.
        buffers: the data of those inputs whose head has no place, in order.
        wanted: the outputs to send; none is all.
    """

    model: str
    version: str
    id: str
    parameters: Mapping[str, str | int | float | bool]
    heads: tuple[TensorHead, ...]
    buffers: tuple[Buffer, ...]
    wanted: tuple[WantedOutput, ...] = ()


class Answer(NamedTuple):
    """What the server answered: the heads of the outputs, and by name the data of those that the message carried."""

    id: str
    heads: tuple[TensorHead, ...]
    data: Mapping[str, Buffer]
    parameters: Mapping[str, str | int | float | bool] = MappingProxyType({})


class Transport(Protocol):
    """A way to one server, or to several that answer alike. Thread-safe. Every error is a TurnoutError.

    ``metadata`` and ``config`` are in the JSON form of KServe v2 and of Triton's model configuration extension.
    """

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        """Ask and wait."""

    def stream(self, ask: Ask, timeout_seconds: float) -> Generator[Answer]:
        """Ask a decoupled model and yield each answer as it comes; closing it tells the server to stop."""

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return name, versions, inputs and outputs of a model."""

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return the configuration of a model; empty where the server is none of Triton's."""

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        """Tell whether the server says that it can answer for a model."""

    def close(self) -> None:
        """End the connections."""


class RegionControl(Protocol):
    """Tells one server of shared memory regions."""

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        """Have the server map the region ``name``, which is also its name among POSIX shared memory objects.

        An error names ``model``, for which it is.
        """

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        """Have the server forget the region ``name``."""

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        """Have the server open a region on the GPU ``device``; ``raw_handle`` is CUDA's, in base64."""

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        """Have the server forget a region on a GPU."""

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        """Return the names that the server knows."""
