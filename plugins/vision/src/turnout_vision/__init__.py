"""Pipeline steps for pictures, and what authors of such steps use; everything that is not in ``__all__`` may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.lazy_names import import_lazily

if TYPE_CHECKING:
    from turnout_vision.checkpoints.checkpoint import Checkpoint, find_checkpoint
    from turnout_vision.checkpoints.processor import read_image_preprocessor, read_text_codec
    from turnout_vision.detectors.detections import Detections
    from turnout_vision.detectors.suppression import suppress
    from turnout_vision.drawing.annotation import annotate_result, save_png
    from turnout_vision.labels.checkpoint_labels import checkpoint_labels
    from turnout_vision.labels.label import Label
    from turnout_vision.labels.ranking import best_labels
    from turnout_vision.options.model_step import ModelStepOptions
    from turnout_vision.options.picture_step import PictureStepOptions
    from turnout_vision.options.prepare import PrepareOptions
    from turnout_vision.pictures.images import read_picture
    from turnout_vision.preprocess.config import preprocessor_of
    from turnout_vision.preprocess.frame import Frame
    from turnout_vision.preprocess.from_options import preprocessor_from
    from turnout_vision.preprocess.preprocessor import ImagePreprocessor
    from turnout_vision.regions.masks import paste_mask
    from turnout_vision.regions.prepared_crops import prepare_crop
    from turnout_vision.regions.region import Region, crop, parse_regions, whole_picture
    from turnout_vision.regions.region_fan_out import read_regions, read_responses
    from turnout_vision.steps.model_output import read_output
    from turnout_vision.steps.picture_step import PictureStep
    from turnout_vision.text_reading.text_line import TextLine
    from turnout_vision.text_reading.text_region import TextRegion
    from turnout_vision.texts.tokens import TextCodec

_ROOMS = {
    "Checkpoint": "turnout_vision.checkpoints.checkpoint",
    "Detections": "turnout_vision.detectors.detections",
    "Frame": "turnout_vision.preprocess.frame",
    "ImagePreprocessor": "turnout_vision.preprocess.preprocessor",
    "Label": "turnout_vision.labels.label",
    "ModelStepOptions": "turnout_vision.options.model_step",
    "PictureStep": "turnout_vision.steps.picture_step",
    "PictureStepOptions": "turnout_vision.options.picture_step",
    "PrepareOptions": "turnout_vision.options.prepare",
    "Region": "turnout_vision.regions.region",
    "TextCodec": "turnout_vision.texts.tokens",
    "TextLine": "turnout_vision.text_reading.text_line",
    "TextRegion": "turnout_vision.text_reading.text_region",
    "annotate_result": "turnout_vision.drawing.annotation",
    "best_labels": "turnout_vision.labels.ranking",
    "checkpoint_labels": "turnout_vision.labels.checkpoint_labels",
    "crop": "turnout_vision.regions.region",
    "find_checkpoint": "turnout_vision.checkpoints.checkpoint",
    "parse_regions": "turnout_vision.regions.region",
    "paste_mask": "turnout_vision.regions.masks",
    "prepare_crop": "turnout_vision.regions.prepared_crops",
    "preprocessor_from": "turnout_vision.preprocess.from_options",
    "preprocessor_of": "turnout_vision.preprocess.config",
    "read_image_preprocessor": "turnout_vision.checkpoints.processor",
    "read_output": "turnout_vision.steps.model_output",
    "read_picture": "turnout_vision.pictures.images",
    "read_regions": "turnout_vision.regions.region_fan_out",
    "read_responses": "turnout_vision.regions.region_fan_out",
    "read_text_codec": "turnout_vision.checkpoints.processor",
    "save_png": "turnout_vision.drawing.annotation",
    "suppress": "turnout_vision.detectors.suppression",
    "whole_picture": "turnout_vision.regions.region",
}

__all__ = [
    "Checkpoint",
    "Detections",
    "Frame",
    "ImagePreprocessor",
    "Label",
    "ModelStepOptions",
    "PictureStep",
    "PictureStepOptions",
    "PrepareOptions",
    "Region",
    "TextCodec",
    "TextLine",
    "TextRegion",
    "annotate_result",
    "best_labels",
    "checkpoint_labels",
    "crop",
    "find_checkpoint",
    "parse_regions",
    "paste_mask",
    "prepare_crop",
    "preprocessor_from",
    "preprocessor_of",
    "read_image_preprocessor",
    "read_output",
    "read_picture",
    "read_regions",
    "read_responses",
    "read_text_codec",
    "save_png",
    "suppress",
    "whole_picture",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_lazily(_ROOMS[name], name)
    raise AttributeError(f"module 'turnout_vision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
