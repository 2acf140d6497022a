"""One label with its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a model was trained for, or a text that describes a picture, with its score.

    Attributes:
        label: the name.
        score: from 0 to 1, unless the step says otherwise.
        index: the position among the model's classes or the given texts, from 0.
        is_part: a list of these is one value, and not a value for each region.
    """

    is_part: ClassVar[bool] = True

    label: str
    score: float
    index: int
