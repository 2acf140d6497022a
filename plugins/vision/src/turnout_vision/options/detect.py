"""Options of ``detect``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from turnout_vision.options.labels import Text, Texts
from turnout_vision.options.model_step import ModelStepOptions

HeadName = Literal["detr", "deformable_detr", "rt_detr", "yolov5", "yolov8", "yolov10", "yolox", "picodet", "centerface"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]
ClassIndex = Annotated[int, Field(ge=0)]


class DetectOptions(ModelStepOptions):
    """Options of ``detect``.

    Attributes:
        head: the family of the detector; by default what config.json of the checkpoint says, or else the shape of the output.
        labels: the names of the model's classes in their order, as a list, or a text file with one a line; by default those of
            the checkpoint's ``id2label``.
        classes: the classes to keep, by label or index; by default all.
        score_threshold: boxes with this score or less are dropped.
        iou_threshold: of two boxes of one class that overlap by a larger share than this, the better remains; by default 0.45
            for YOLO, 0.5 for PicoDet, 0.3 for CenterFace, and none for the others, which find each thing once.
        class_agnostic: also boxes of different classes suppress each other.
        max_regions: the most boxes that are kept, the best ones.
        input: the name of the model's input.
        pixel_mask: the name of an input for the mask of the picture's pixels, INT64 [1, height, width], if the model has one.
        outputs: the names of the model's outputs that are read, in the order of the head.
    """

    head: HeadName | None = None
    labels: Texts | Text | None = None
    classes: Annotated[tuple[ClassIndex | Name, ...], Field(min_length=1)] | None = None
    score_threshold: Fraction = 0.5
    iou_threshold: Fraction | None = None
    class_agnostic: bool = False
    max_regions: int = Field(100, ge=1, le=1000)
    input: Name = "pixel_values"
    pixel_mask: Name | None = None
    outputs: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)] | None = None
