"""The memory of decoding: all pictures that a process decodes at once share one limit."""

from __future__ import annotations

from contextlib import AbstractContextManager

from turnout_vision.pictures.memory_limit import MemoryLimit

# Measured at 25 and 48 megapixels: two copies of a picture, 7 to 8 bytes a pixel; libjpeg has two bytes of each coefficient of
# a progressive JPEG besides, AVIF 10 in all, and a Pillow that does not show its libwebp 16 for a WEBP.
BYTES_PER_PIXEL = 16
LIMIT_BYTES = 1_500_000_000


class DecodingMemory:
    """Lets threads decode pictures while together they need at most ``limit`` bytes. Thread-safe.

    A picture that needs more than the limit is decoded alone.
    """

    def __init__(self, limit: int) -> None:
        self._memory = MemoryLimit(limit)

    def hold(self, pixels: int) -> AbstractContextManager[None]:
        """Hold the memory of decoding ``pixels`` in the block; wait until it is free."""
        return self._memory.hold(pixels * BYTES_PER_PIXEL)


MEMORY = DecodingMemory(LIMIT_BYTES)
