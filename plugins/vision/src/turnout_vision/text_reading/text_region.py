"""A region of text that a detector found, with its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class TextRegion:
    """A line of text in the picture, not read yet.

    Attributes:
        polygon: FP32 [4, 2], the corners as x and y in pixels of the picture: top left, top right, bottom right, bottom left.
        score: the mean of the detector's probabilities in it, from 0 to 1.
        crop: UINT8 [height, width, 3], the line turned and straightened; not to be written to.
        is_part: a list of these is one value about the picture, and not a value for each region.
    """

    is_part: ClassVar[bool] = True

    polygon: NDArray[np.float32]
    score: float
    crop: NDArray[np.uint8]

    def __json__(self) -> dict[str, Any]:
        """Return corners and score in types of JSON, without the pixels."""
        return {"polygon": self.polygon.tolist(), "score": self.score}
