"""The shared memory regions of one request: its inputs and its response's outputs."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from turnout_triton.client.device_buffer import DeviceBuffer
from turnout_triton.client.failures import FINISHED
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, RegionSlice, RequestedOutput, TensorHead
from turnout_triton.client.shared_memory.pool import RegionPool
from turnout_triton.client.shared_memory.region import SharedMemoryRegion


class RequestRegions:
    """Acquires regions of ``pool`` for a request, and at its end releases them, or retires what the server may still use.

    A context manager, for one thread.

    Attributes:
        received_bytes: the bytes of the outputs that were read from regions.
    """

    def __init__(self, pool: RegionPool, threshold_bytes: int, model: str, deadline: float) -> None:
        self._pool = pool
        self._threshold_bytes = threshold_bytes
        self._model = model
        self._deadline = deadline
        self._regions: dict[str, SharedMemoryRegion] = {}
        self._offered: dict[str, RegionSlice] = {}
        self._is_unregistered = False
        self.received_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        # An interrupt of this thread or a passed deadline ends the call here, not on the server.
        is_finished = not self._is_unregistered and (kind is None or issubclass(kind, FINISHED))
        for region in self._regions.values():
            if is_finished:
                self._pool.release(region)
            else:
                self._pool.retire(region)

    def place(self, request: KServeRequest, outputs: tuple[TensorHead, ...]) -> KServeRequest:
        """Return ``request`` with its large inputs copied to regions, and regions for its ``outputs`` that are large.

        Raises:
            TurnoutError: the server refuses a region.
            OSError: the system refuses one.
        """
        buffers: list[Buffer] = []
        heads = tuple(self._place_input(*pair, buffers) for pair in zip(request.heads, request.buffers, strict=True))
        requested = tuple(RequestedOutput(head.name, self._place_output(head.size_bytes)) for head in outputs)
        self._offered = {output.name: output.shared for output in requested if output.shared is not None}
        return request._replace(heads=heads, buffers=tuple(buffers), outputs=requested)

    def read_outputs(self, response: KServeResponse) -> KServeResponse:
        """Return ``response`` with the data that the server wrote to regions, lent or copied."""
        read = {head.name: self._read(head) for head in response.heads if head.name in self._offered}
        return response._replace(data={**response.data, **read})

    def register_again(self) -> None:
        """Register this request's regions with a server that was restarted.

        Raises:
            TurnoutError: the server refuses one; none of them is used again.
        """
        self._is_unregistered = True  # until all are registered again: a half-registered request is not reusable
        for region in self._regions.values():
            self._pool.register_again(region, self._model, self._deadline)
        self._is_unregistered = False

    def _place_input(self, head: TensorHead, buffer: Buffer, rest: list[Buffer]) -> TensorHead:
        # GPU memory is not copied here: the inner transport has CUDA regions for it, or copies it once.
        region = None if isinstance(buffer, DeviceBuffer) else self._acquire(len(buffer))
        if region is None:
            rest.append(buffer)
            return head
        region.write(buffer)
        return TensorHead(head.name, head.datatype, head.shape, RegionSlice(region.name, len(buffer)))

    def _place_output(self, size_bytes: int) -> RegionSlice | None:
        # The whole region: an output that has grown since it was learned often still fits.
        region = self._acquire(size_bytes)
        return None if region is None else RegionSlice(region.name, region.size_bytes)

    def _acquire(self, size_bytes: int) -> SharedMemoryRegion | None:
        is_large = size_bytes > 0 and size_bytes >= self._threshold_bytes
        region = self._pool.acquire(size_bytes, self._model, self._deadline) if is_large else None
        if region is not None:
            self._regions[region.name] = region
        return region

    def _read(self, head: TensorHead) -> Buffer:
        name = self._offered[head.name].region
        self.received_bytes += head.size_bytes
        # Popped before it is lent: an interrupt in between loses it; lent and released, two requests would use it.
        region = self._regions.pop(name)
        lent = self._pool.lend(region, head.size_bytes)
        if lent is not None:
            return lent
        self._regions[name] = region
        return bytearray(region.read(head.size_bytes))
