"""The regions of one request, from its tensors' way in to its answer's way out."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from turnout_triton.client.device import DeviceBuffer
from turnout_triton.client.failures import OVER
from turnout_triton.client.messages import Answer, Ask, Buffer, Place, TensorHead, WantedOutput
from turnout_triton.client.shared_memory.pool import RegionPool
from turnout_triton.client.shared_memory.region import Region


class Exchange:
    """Takes regions from ``pool`` and gives them back at the end, or loses them where the server may still be using them.

    As a context manager, by one thread.
    """

    def __init__(self, pool: RegionPool, threshold_bytes: int, model: str, deadline: float) -> None:
        self._pool = pool
        self._threshold_bytes = threshold_bytes
        self._model = model
        self._deadline = deadline
        self._regions: dict[str, Region] = {}
        self._offered: dict[str, Place] = {}
        self._unknown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        over = not self._unknown and (kind is None or issubclass(kind, OVER))
        for region in self._regions.values():
            if over:
                self._pool.give_back(region)
            else:
                self._pool.lose(region)

    def placed(self, ask: Ask, outputs: tuple[TensorHead, ...]) -> Ask:
        """Return ``ask`` with its large inputs copied to regions, and its ``outputs``, where they are large, expected in some.

        Raises:
            TurnoutError: the server refuses a region.
            OSError: the system refuses one.
        """
        buffers: list[Buffer] = []
        heads = tuple(self._placed(*pair, buffers) for pair in zip(ask.heads, ask.buffers, strict=True))
        wanted = tuple(WantedOutput(head.name, self._room(head.size_bytes)) for head in outputs)
        self._offered = {output.name: output.place for output in wanted if output.place is not None}
        return ask._replace(heads=heads, buffers=tuple(buffers), wanted=wanted)

    def received(self, answer: Answer) -> Answer:
        """Return ``answer`` with the data that the server wrote to regions: lent to it, or copied."""
        found = {head.name: self._read(head) for head in answer.heads if head.name in self._offered}
        return Answer(answer.id, answer.heads, {**answer.data, **found}, answer.parameters)

    def register_again(self) -> None:
        """Make this request's regions known to a server that has forgotten them.

        Raises:
            TurnoutError: the server refuses one; none of them is used again.
        """
        self._unknown = True
        for region in self._regions.values():
            self._pool.register_again(region, self._model, self._deadline)
        self._unknown = False

    def _placed(self, head: TensorHead, buffer: Buffer, rest: list[Buffer]) -> TensorHead:
        place = None if isinstance(buffer, DeviceBuffer) else self._place(len(buffer))
        if place is None:
            rest.append(buffer)
            return head
        self._regions[place.region].write(buffer)
        return TensorHead(head.name, head.datatype, head.shape, place)

    def _place(self, size_bytes: int) -> Place | None:
        region = self._taken(size_bytes)
        return None if region is None else Place(region.name, size_bytes)

    def _room(self, size_bytes: int) -> Place | None:
        """Return a place for an output, which may have grown: the whole region."""
        region = self._taken(size_bytes)
        return None if region is None else Place(region.name, region.size_bytes)

    def _taken(self, size_bytes: int) -> Region | None:
        large = size_bytes > 0 and size_bytes >= self._threshold_bytes
        region = self._pool.take(size_bytes, self._model, self._deadline) if large else None
        if region is not None:
            self._regions[region.name] = region
        return region

    def _read(self, head: TensorHead) -> Buffer:
        name = self._offered[head.name].region
        region = self._regions.pop(name)  # first: lent and given back, it would be two requests'
        lent = self._pool.lend(region, head.size_bytes)
        if lent is not None:
            return lent
        self._regions[name] = region
        return bytearray(region.read(head.size_bytes))
