"""A line of text that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """A line of text in the picture.

    Attributes:
        text: the text.
        score: the mean of the probabilities of its characters, from 0 to 1.
        polygon: FP32 [4, 2], the corners as x and y in pixels of the picture: top left, top right, bottom right, bottom left.
        is_part: a list of these is one value about the picture, and not a value for each region.
    """

    is_part: ClassVar[bool] = True

    text: str
    score: float
    polygon: NDArray[np.float32]
