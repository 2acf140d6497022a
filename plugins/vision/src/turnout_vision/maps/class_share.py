"""The share of a class in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ClassShare:
    """A class of a class map.

    Attributes:
        index: the value of its pixels in the map.
        label: its name.
        share: the part of the picture's pixels that are of the class, above 0, 1 at most.
        is_part: a list of these is one value about the picture, and not a value for each region.
    """

    is_part: ClassVar[bool] = True

    index: int
    label: str
    share: float
