"""Pixels as the models of this family take them: scaled and normalized channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def normalization_table(mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Return FP32 [3, 256]: the value of each byte in each channel."""
    # In these types and this order, because the values then equal those of PaddleOCR's code in every bit.
    scaled = np.arange(256).astype(np.float32) * np.float32(1 / 255)
    table: NDArray[np.float32] = ((scaled[None] - np.reshape(mean, (-1, 1))) / np.reshape(std, (-1, 1))).astype(np.float32)
    return table


def line_table() -> NDArray[np.float32]:
    """Return FP32 [3, 256]: the values from -1 to 1 that recognizers and classifiers of lines were trained with."""
    scaled = np.arange(256).astype(np.float32) / np.float32(255)
    return np.tile((scaled - np.float32(0.5)) / np.float32(0.5), (3, 1))


def channels_first(
    pixels: NDArray[np.uint8], table: NDArray[np.float32], *, order: str, width: int | None = None
) -> NDArray[np.float32]:
    """Return FP32 [1, 3, height, width] of RGB ``pixels``; where ``width`` is greater than theirs, the rest is 0.

    ``order`` is RGB or BGR: the order of the channels that the model was trained with.
    """
    height, own = pixels.shape[:2]
    values = np.zeros((1, 3, height, own if width is None else width), np.float32)
    for channel, source in enumerate((0, 1, 2) if order == "RGB" else (2, 1, 0)):
        values[0, channel, :, :own] = table[channel][pixels[:, :, source]]
    return values
