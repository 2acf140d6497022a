"""One label with its score."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a model was trained for, or a text that describes a picture, with its score.

    Attributes:
        label: the name.
        score: from 0 to 1, unless the step says otherwise.
        index: the position among the model's classes or the given texts, from 0.
    """

    label: str
    score: float
    index: int
