"""Options of the steps that send a model one picture, or one picture a region."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from turnout_vision.options.into import Into
from turnout_vision.options.model_step import ModelStepOptions


class PictureStepOptions(ModelStepOptions):
    """Options of the steps that send a model one picture, or one picture a region.

    Attributes:
        on: send one request for the whole picture, or one per region.
        margin: added to each side of a box before it is cropped, as a fraction of the box's larger side.
        input: the name of the model's input.
        output: the name of the model's output; not needed if there is only one, or one with the usual name.
        into: the name to write to, for a second step of this kind in one pipeline.
    """

    on: Literal["picture", "regions"] = "picture"
    margin: float = Field(0.0, ge=0, le=10)
    input: str = Field("pixel_values", min_length=1)
    output: str | None = Field(None, min_length=1)
    into: Into | None = None
