"""How many bytes may be mirrored in a second.

Copying is cheap until it fills the memory's bandwidth: 5 GB a second on 2 cores made every caller 3 to 10 ms later.
"""

from __future__ import annotations

import time

BURST_SECONDS = 0.1
"""How long it saves up: a burst of copies is felt as much as a stream of them."""


class ByteRate:
    """Grows by so many bytes a second, up to those of ``BURST_SECONDS``. Not thread-safe."""

    def __init__(self, bytes_per_second: int) -> None:
        self._rate = bytes_per_second
        self._most = self._left = bytes_per_second * BURST_SECONDS
        self._seen = time.monotonic()

    def any_left(self) -> bool:
        """Tell whether something may be taken."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._seen) * self._rate, self._most)
        self._seen = now
        return self._left > 0

    def take(self, size: int) -> None:
        """Take ``size`` bytes; what is taken beyond the rest is owed."""
        self._left -= size
