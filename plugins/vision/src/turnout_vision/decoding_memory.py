"""The memory of decoding: all pictures that a process decodes at once share one limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from turnout.forking import Forks

# Measured at 25 and 48 megapixels: two copies of a picture, 7 to 8 bytes a pixel; libjpeg has two bytes of each coefficient of
# a progressive JPEG besides, AVIF 10 in all, and a Pillow that does not show its libwebp 16 for a WEBP.
BYTES_PER_PIXEL = 16
LIMIT_BYTES = 1_500_000_000


class DecodingMemory:
    """Lets threads decode pictures while together they need at most ``limit`` bytes. Thread-safe.

    A picture that needs more than the limit is decoded alone. ``_free`` guards ``_used``; a wait ends when another thread has
    decoded its picture. A forked child begins with nothing in use.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget what the parent's threads decode."""
        self._free = threading.Condition()
        self._used = 0

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Hold the memory of decoding ``pixels`` in the block; wait until it is free."""
        needed = min(pixels * BYTES_PER_PIXEL, self._limit)
        with self._free:
            self._free.wait_for(lambda: self._used + needed <= self._limit)
            self._used += needed
        try:
            yield
        finally:
            with self._free:
                self._used -= needed
                self._free.notify_all()


MEMORY = DecodingMemory(LIMIT_BYTES)
