"""The heads by name, and the head of a model: that of its checkpoint, or the one that the shape of its output shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.errors import ConfigurationError, InferenceError
from turnout.tensors import describe
from turnout_vision.detectors.heads import centerface, detr, picodet, yolo
from turnout_vision.detectors.heads.grids import count_cells
from turnout_vision.detectors.heads.head import Head, Outputs
from turnout_vision.preprocess.sizes import Size

_YOLO_IOU = 0.45
HEADS: Mapping[str, Head] = {
    "detr": Head(detr.read_softmax, detr.OUTPUTS),
    "deformable_detr": Head(detr.read_sigmoid_of_100, detr.OUTPUTS),
    "rt_detr": Head(detr.read_sigmoid, detr.OUTPUTS),
    "yolov5": Head(yolo.read_v5, iou_threshold=_YOLO_IOU),
    "yolov8": Head(yolo.read_v8, iou_threshold=_YOLO_IOU),
    "yolov10": Head(yolo.read_v10),
    "yolox": Head(yolo.read_yolox, iou_threshold=_YOLO_IOU),
    "picodet": Head(picodet.read_picodet, iou_threshold=0.5),
    "centerface": Head(centerface.read_centerface, iou_threshold=0.3),
}

# By model_type of config.json.
_MODEL_TYPES = {
    **dict.fromkeys(("detr", "yolos", "table-transformer"), "detr"),
    **dict.fromkeys(("conditional_detr", "deformable_detr", "dab-detr", "lw_detr"), "deformable_detr"),
    **dict.fromkeys(("rt_detr", "rt_detr_v2", "d_fine", "deimv2", "rf_detr"), "rt_detr"),
}
# The most rows that an export with its own suppression has; the maps of a YOLO have more.
_MOST_END_TO_END = 1000


def head_of_checkpoint(config: Mapping[str, Any], name: str) -> Head | None:
    """Return the head of a checkpoint with this ``config`` of config.json; None if it names no model type.

    Raises:
        ConfigurationError: the checkpoint ``name`` is of a model type whose outputs no head reads.
    """
    model_type = config.get("model_type")
    if model_type is None:
        return None
    if model_type in _MODEL_TYPES:
        return HEADS[_MODEL_TYPES[model_type]]
    raise ConfigurationError(
        f"checkpoint {name!r} is of model type {str(model_type)[:60]!r}, whose boxes detect cannot read; it reads "
        f"{', '.join(sorted(_MODEL_TYPES))}. If its outputs are like those of a head ({', '.join(HEADS)}), write `head:`"
    )


def head_of_outputs(outputs: Outputs, size: Size) -> Head:
    """Return the head of a model with these ``outputs`` for an input of ``size``.

    Raises:
        InferenceError: no head, or more than one, has such outputs.
    """
    shape = outputs[0].shape[1:] if len(outputs) == 1 and outputs[0].ndim == 3 else (0, 0)
    cells = count_cells(size)
    if shape[1] == cells and shape[0] > 4:
        return HEADS["yolov8"]
    if shape[0] == 3 * cells and shape[1] > 5:
        return HEADS["yolov5"]
    if shape[1] == 6 and 0 < shape[0] <= _MOST_END_TO_END and shape[0] != cells:
        return HEADS["yolov10"]
    shown = ", ".join(describe(output) for output in outputs[:10]) or "none"
    hint = "yolox or yolov5 (v6)" if shape[0] == cells else ", ".join(HEADS)
    raise InferenceError(
        f"the model's outputs are {shown} for an input of {size[0]} x {size[1]}, and no single head has such outputs; "
        f"write `head:` ({hint})"
    )
