"""A kind of image processor, and the default settings that several kinds share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from turnout_vision.preprocess.patches import PatchPreprocessor
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.settings import Settings

Recipe = Callable[[Settings], ImagePreprocessor | PatchPreprocessor]


@dataclass(frozen=True, slots=True)
class Kind:
    """An image processor: what it does, and its settings where a file is silent.

    Attributes:
        exact: whether its values equal those of transformers in every bit, or to 1e-6.
    """

    recipe: Recipe
    defaults: Mapping[str, Any]
    exact: bool = True


CLIP = {"image_mean": (0.48145466, 0.4578275, 0.40821073), "image_std": (0.26862954, 0.26130258, 0.27577711)}
IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
HALF = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
RESCALED = {"do_rescale": True, "rescale_factor": 1 / 255}
VALUES = {**RESCALED, "do_normalize": True}
BICUBIC, BILINEAR, LANCZOS = {"resample": 3}, {"resample": 2}, {"resample": 1}
# How one number in ``size`` is read.
SQUARE, EDGE = {"default_to_square": True}, {"default_to_square": False}
PADS = {"do_pad": True}


def box(height: int, width: int) -> dict[str, Any]:
    """Return the settings of a resize to ``height`` and ``width``."""
    return {"do_resize": True, "size": {"height": height, "width": width}}


def edge(shortest: int) -> dict[str, Any]:
    """Return the settings of a resize of the shorter side."""
    return {"do_resize": True, "size": {"shortest_edge": shortest}}


def edges(shortest: int, longest: int) -> dict[str, Any]:
    """Return the settings of a resize of the shorter side, as far as the longer one permits."""
    return {"do_resize": True, "size": {"shortest_edge": shortest, "longest_edge": longest}}


def longest(side: int) -> dict[str, Any]:
    """Return the settings of a resize of the longer side."""
    return {"do_resize": True, "size": {"longest_edge": side}}


def crop(side: int) -> dict[str, Any]:
    """Return the settings of a square crop."""
    return {"do_center_crop": True, **crop_size(side)}


def crop_size(side: int) -> dict[str, Any]:
    """Return the size of a square crop, which is off."""
    return {"crop_size": {"height": side, "width": side}}


CLIP_224 = {**EDGE, **edge(224), **BICUBIC, **crop(224), **VALUES, **CLIP}
MOBILENET = {**EDGE, **edge(256), **BILINEAR, **crop(224), **VALUES, **HALF}
VIT_224 = {**SQUARE, **box(224, 224), **VALUES}
DETR = {**EDGE, **edges(800, 1333), **BILINEAR, **VALUES, **IMAGENET, **PADS}
