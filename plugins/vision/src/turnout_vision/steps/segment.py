"""The step ``segment``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from turnout import InferenceResponse, StepDeclaration
from turnout.errors import InferenceError
from turnout_vision.labels.checkpoint_labels import checkpoint_labels
from turnout_vision.labels.given_labels import read_given_labels
from turnout_vision.maps.axis import resize_axis
from turnout_vision.maps.class_map import class_shares, compute_class_map
from turnout_vision.maps.class_planes import ClassPlanes, LogitPlanes, QueryPlanes
from turnout_vision.maps.model_maps import read_class_logits, read_queries
from turnout_vision.options.maps import SegmentOptions
from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.sizes import Size
from turnout_vision.steps.map_step import MapStep
from turnout_vision.steps.model_output import read_output

# What transformers resizes the masks of queries to, whatever the size of the picture; None is the size of pixel_values.
_MASK_SIZES: Mapping[str | None, Size | None] = {"mask2former": (384, 384), "eomt": None, "eomt_dinov3": None}


class Segment(MapStep):
    """Writes ``class_map``, INT32 [height, width] of the picture, and ``classes``, a list of ClassShare, the largest first.

    A request is ``pixel_values`` FP32 [1, 3, height, width]. A response has ``logits`` FP32 [1, classes, h, w], or
    ``class_queries_logits`` FP32 [1, queries, classes + 1] and ``masks_queries_logits`` FP32 [1, queries, h, w]. A pixel that
    the image processor cut off is -1. Both values are None if the response failed, which is reported.
    """

    provides = ("class_map", "classes")

    def __init__(self, declaration: StepDeclaration, options: SegmentOptions) -> None:
        super().__init__(declaration, options)
        self._options = options
        self._given = () if options.labels is None else read_given_labels(options.labels, declaration, "labels")

    def read(self, response: InferenceResponse, frame: Frame, height: int, width: int) -> Mapping[str, Any]:
        planes = self._read_planes(response, frame)
        self._check_labels(planes.shape[0])
        class_map = compute_class_map(planes, frame, height, width)
        return {"class_map": class_map, "classes": class_shares(class_map, self._labels)}

    # At first use, because a checkpoint on the hub may have to be downloaded.
    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return self._given or checkpoint_labels(self.checkpoint)

    def _check_labels(self, classes: int) -> None:
        if self._labels and len(self._labels) != classes:
            source = "`labels:`" if self._given else "id2label in the checkpoint"
            raise InferenceError(
                f"model {self.model!r} has {classes} classes, and {source} has {len(self._labels)} names; write `labels:` with "
                "one a class, in the model's order"
            )

    def _read_planes(self, response: InferenceResponse, frame: Frame) -> ClassPlanes:
        options, model = self._options, self._options.model
        if options.output is None and options.mask_output in response and options.class_output in response:
            classes, masks = (
                read_output(response, name, (), model=model, holds="logits")
                for name in (options.class_output, options.mask_output)
            )
            return self._query_planes(*read_queries(classes, masks, model), frame)
        logits = read_output(response, options.output, ("logits",), model=model, holds="the logits")
        return LogitPlanes(read_class_logits(logits, model))

    def _query_planes(self, classes: Any, masks: Any, frame: Frame) -> QueryPlanes:
        size = self._options.mask_size
        if size is None and self.model_type in _MASK_SIZES:
            size = _MASK_SIZES[self.model_type] or (frame.height, frame.width)
        if size is None:
            return QueryPlanes(classes, masks)
        axes = tuple(resize_axis(count, source) for count, source in zip(size, masks.shape[1:], strict=True))
        return QueryPlanes(classes, masks, (axes[0], axes[1]))
