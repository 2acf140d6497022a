"""The step ``detect``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import TurnoutError
from turnout_vision.checkpoints.checkpoint import find_checkpoint
from turnout_vision.checkpoints.processor import find_image_preprocessor
from turnout_vision.detectors.classes import DetectorClasses, choose_classes
from turnout_vision.detectors.heads.head import Head
from turnout_vision.detectors.heads.known import HEADS, head_of_checkpoint
from turnout_vision.detectors.reading import DetectionReader, content_size
from turnout_vision.labels.checkpoint_labels import checkpoint_labels
from turnout_vision.labels.given_labels import read_given_labels
from turnout_vision.options.detect import DetectOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.sizes import Size
from turnout_vision.regions.prepared_crops import prepare_crop
from turnout_vision.regions.region import Region, clip_box, whole_picture
from turnout_vision.steps.model_step import ModelStep, RefusedInput, picture_advice


class Detect(ModelStep):
    """Writes ``regions``, a list of Region with label and score, best first: the boxes that a detector finds in the picture.

    A request is ``pixel_values`` FP32 [1, 3, height, width]; which outputs a response has depends on the head. DETR and its
    relatives: ``logits`` FP32 [1, queries, classes] and ``pred_boxes`` FP32 [1, queries, 4]. YOLOv8, v9, v11, v12: FP32
    [1, 4 + classes, boxes]; v5, v6, v7 and YOLOX: FP32 [1, boxes, 5 + classes]; v10: FP32 [1, boxes, 6]. PicoDet: FP32
    [1, cells, classes] and FP32 [1, cells, 4 x bins] for each stride. CenterFace: FP32 [1, 1, h, w] and twice [1, 2, h, w].

    The regions of steps before it are replaced; an empty list is an answer, and later steps then have no regions. If the
    request failed, that is reported, and the list is empty.
    """

    needs = ("picture",)
    provides = ("regions",)

    def __init__(self, declaration: StepDeclaration, options: DetectOptions) -> None:
        self.model = options.model
        self._options = options
        self._declaration = declaration
        self._checkpoint = find_checkpoint(declaration, options.model, options.processor)
        self._given = () if options.labels is None else read_given_labels(options.labels, declaration, "labels")
        if self._checkpoint is None or self._checkpoint.folder is not None:
            # An error of turnout.yaml is found before the first run; a checkpoint on the hub waits for that.
            _ = self._preprocessor, self._classes, self._head

    def advise(self, refused: RefusedInput) -> str | None:
        if refused.known is not None and refused.name == self._options.pixel_mask:
            return "leave out `pixel_mask:` of the step, or write the model's name of it there"
        return picture_advice(refused, self._options.input, self._options.prepare)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        height, width = context["picture"].shape[:2]
        frame = self._preprocessor.frame(height, width)
        context.state = frame
        values = prepare_crop(context, whole_picture(height, width), self._preprocessor)
        inputs: dict[str, NDArray[Any]] = {self._options.input: values}
        if self._options.pixel_mask is not None:
            inputs[self._options.pixel_mask] = _mask_picture(frame, (height, width))
        return [InferenceRequest(inputs)]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        try:
            context["regions"] = self._read(responses[0], context.state, context["picture"].shape[:2])
        except TurnoutError as error:
            # Without an index: the whole step failed, not a region.
            context.report(error)
            context["regions"] = []

    def _read(self, response: InferenceResponse, frame: Frame, picture: Size) -> list[Region]:
        found = self._reader.read(response, frame, picture)
        return [
            replace(clip_box(box, *picture), label=self._classes.name(index), score=score)
            for box, index, score in zip(found.boxes.tolist(), found.classes.tolist(), found.scores.tolist(), strict=True)
        ]

    # At first use, because a checkpoint on the hub may have to be downloaded.
    @cached_property
    def _preprocessor(self) -> ImagePreprocessor:
        return find_image_preprocessor(self._checkpoint, self._options.prepare, self._declaration, self._options.model)

    @cached_property
    def _head(self) -> Head | None:
        if self._options.head is not None:
            return HEADS[self._options.head]
        config = self._checkpoint.json("config.json") if self._checkpoint else None
        return head_of_checkpoint(config, self._checkpoint.name) if config and self._checkpoint else None

    @cached_property
    def _classes(self) -> DetectorClasses:
        labels = self._given or checkpoint_labels(self._checkpoint)
        where = f"step {self._declaration.name!r} of pipeline {self._declaration.pipeline!r}"
        kept = choose_classes(self._options.classes, labels, where)
        return DetectorClasses(self._options.model, labels, bool(self._given), kept)

    @cached_property
    def _reader(self) -> DetectionReader:
        options = self._options
        return DetectionReader(
            options.model,
            self._head,
            self._classes,
            options.score_threshold,
            options.max_regions,
            options.iou_threshold,
            options.class_agnostic,
            options.outputs,
            masked=options.pixel_mask is not None,
        )


def _mask_picture(frame: Frame, picture: Size) -> NDArray[np.int64]:
    """Return the mask of the picture's pixels on the model's input, INT64 [1, height, width]."""
    mask = np.zeros((1, frame.height, frame.width), np.int64)
    top, left = max(0, round(frame.top)), max(0, round(frame.left))
    height, width = content_size(frame, picture)
    mask[:, top : top + height, left : left + width] = 1
    return mask
