"""Options of ``segment_regions``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from turnout_vision.options.model_step import ModelStepOptions
from turnout_vision.options.sides import Side


class SegmentRegionsOptions(ModelStepOptions):
    """Options of ``segment_regions``.

    Attributes:
        margin: added to each side of a box before it is cropped, as a fraction of the box's larger side.
        threshold: the least probability of a pixel in the mask.
        values: what the model's map holds: ``logits``, or ``probabilities`` if the model ends with a sigmoid.
        size: height and width of ``pixel_values``; by default those of the checkpoint.
        input: the name of the model's input.
        output: the name of the model's output; not needed if there is only one.
    """

    margin: float = Field(0.1, ge=0, le=10)
    threshold: float = Field(0.5, gt=0, lt=1)
    values: Literal["logits", "probabilities"] = "logits"
    size: tuple[Side, Side] | None = None
    input: str = "pixel_values"
    output: str | None = None
