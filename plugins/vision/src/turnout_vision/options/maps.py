"""Options of the steps that write maps of a picture: ``segment`` and ``estimate_depth``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from turnout_vision.options.labels import Text, Texts
from turnout_vision.options.model_step import ModelStepOptions
from turnout_vision.options.sides import Side


class MapStepOptions(ModelStepOptions):
    """Options of every step that writes a map of a picture.

    Attributes:
        input: the name of the model's input.
        output: the name of the model's output; not needed if there is only one, or one with the usual name.
    """

    input: str = Field("pixel_values", min_length=1)
    output: str | None = Field(None, min_length=1)


class SegmentOptions(MapStepOptions):
    """Options of ``segment``.

    Attributes:
        labels: the names of the model's classes in their order, as a list, or a text file with one a line; by default those of
            the checkpoint's ``id2label``.
        class_output: the output with the classes of queries, of a model such as Mask2Former.
        mask_output: the output with the masks of queries.
        mask_size: height and width to which the masks of queries are resized before they are added up; by default as
            transformers does for the checkpoint's ``model_type``.
    """

    labels: Texts | Text | None = None
    class_output: str = Field("class_queries_logits", min_length=1)
    mask_output: str = Field("masks_queries_logits", min_length=1)
    mask_size: tuple[Side, Side] | None = None


class EstimateDepthOptions(MapStepOptions):
    """Options of ``estimate_depth``.

    Attributes:
        resampling: how the model's map is resized to the picture; by default as transformers does for the checkpoint's
            ``model_type``.
        view_output: the output with the field of view in degrees, of a model such as DepthPro.
    """

    resampling: Literal["bicubic", "bilinear"] | None = None
    view_output: str = Field("field_of_view", min_length=1)
