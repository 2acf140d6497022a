"""Values: from the 256 bytes of a channel to the numbers that a model reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Normalization:
    """Subtracts ``mean``, then divides by ``std``, each per channel."""

    mean: Triple
    std: Triple


@dataclass(frozen=True, slots=True)
class Scaling:
    """Computes the value of a byte in the order and precision of transformers, so that both agree in every bit.

    Attributes:
        factor: of the bytes; None leaves them 0..255.
        offset: subtracted after ``factor``.
        normalizations: applied one after the other.
    """

    factor: float | None
    offset: float = 0.0
    normalizations: tuple[Normalization, ...] = ()

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return FP32 [3, height, width] for UINT8 [height, width, 3]."""
        values = np.empty((3, *pixels.shape[:2]), np.float32)
        table = _make_table(self)
        for channel in range(3):
            # Each byte is in the table; with the default mode numpy buffers ``out``, which takes five times as long.
            np.take(table[channel], pixels[:, :, channel], out=values[channel], mode="clip")
        return values


@lru_cache(maxsize=64)
def _make_table(scaling: Scaling) -> NDArray[np.float32]:
    """Return the value of each byte, FP32 [3, 256]."""
    values = np.tile(np.arange(256, dtype=np.float64), (3, 1))
    if scaling.factor is not None:
        values = values * scaling.factor
    table = values.astype(np.float32) - np.float32(scaling.offset)
    for each in scaling.normalizations:
        mean, std = (np.asarray(numbers, np.float32)[:, np.newaxis] for numbers in (each.mean, each.std))
        table = (table - mean) / std
    table.flags.writeable = False
    return table
