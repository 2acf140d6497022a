"""The image preprocessor of Pix2Struct: a picture, cut into patches of which each says its row and its column."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from turnout_vision.preprocess.antialiasing import triangles
from turnout_vision.preprocess.exact_moments import deviation_of, mean_of
from turnout_vision.preprocess.sizes import Size

# Of numbers at once, where a picture is large: 12 MB.
_ROWS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class PatchPreprocessor:
    """Computes ``flattened_patches`` and ``attention_mask`` from pixels. Thread-safe. Equal ones compute the same.

    Attributes:
        max_patches: the number of patches of every picture; those that it does not need are 0, and masked.
        height: of a patch.
        width: of a patch.
        normalize: whether the mean of the picture is subtracted from its numbers, which its deviation then divides.
        asks: whether a question is written above the picture.
    """

    max_patches: int
    height: int
    width: int
    normalize: bool
    asks: bool

    def inputs(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the inputs of a model, computed from UINT8 [height, width, 3].

        ``flattened_patches`` FP32 [1, max_patches, 2 + 3 * patch], whose first two numbers are row and column from 1, and
        ``attention_mask`` FP32 [1, max_patches].
        """
        rows, columns = self.grid(*pixels.shape[:2])
        values = self._resize(pixels, (rows * self.height, columns * self.width))
        patches = values.reshape(rows, self.height, columns, self.width, 3).transpose(0, 2, 1, 3, 4)
        flattened = np.zeros((1, self.max_patches, 2 + self.height * self.width * 3), np.float32)
        filled = flattened[0, : rows * columns]
        filled[:, 0] = np.repeat(np.arange(1, rows + 1), columns)
        filled[:, 1] = np.tile(np.arange(1, columns + 1), rows)
        filled[:, 2:] = patches.reshape(rows * columns, -1)
        return {"flattened_patches": flattened, "attention_mask": (flattened.sum(axis=-1) != 0).astype(np.float32)}

    def grid(self, height: int, width: int) -> Size:
        """Return the rows and columns of patches of a picture of ``height`` and ``width``, as transformers computes them."""
        scale = sqrt(self.max_patches * (self.height / height) * (self.width / width))
        rows, columns = int(scale * height / self.height), int(scale * width / self.width)
        return max(min(rows, self.max_patches), 1), max(min(columns, self.max_patches), 1)

    def _resize(self, pixels: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
        """Return FP32 [height, width, 3] of the normalized ``pixels`` in ``size``."""
        table = self._values(pixels)
        across, down = triangles(pixels.shape[1], size[1]), triangles(pixels.shape[0], size[0])
        step = max(_ROWS_AT_ONCE // pixels.shape[1], 1)
        parts = [across.apply(table[pixels[top : top + step]], axis=1) for top in range(0, pixels.shape[0], step)]
        return down.apply(np.concatenate(parts), axis=0)

    def _values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the value of each byte, FP32 [256]."""
        table = np.arange(256, dtype=np.float32)
        if not self.normalize:
            return table
        mean = mean_of(pixels)
        # A picture of one color has no deviation.
        return (table - mean) / max(deviation_of(pixels, mean), np.float32(1 / sqrt(pixels.size)))
