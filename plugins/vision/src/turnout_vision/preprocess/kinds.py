"""The image processors of transformers that are supported: the recipe of each, and the defaults of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnout_vision.preprocess import recipes
from turnout_vision.preprocess.recipes import Recipe

_CLIP = {"image_mean": (0.48145466, 0.4578275, 0.40821073), "image_std": (0.26862954, 0.26130258, 0.27577711)}
_IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
_HALF = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
_RESCALED = {"do_rescale": True, "rescale_factor": 1 / 255}
_VALUES = {**_RESCALED, "do_normalize": True}
_BICUBIC, _BILINEAR, _LANCZOS = {"resample": 3}, {"resample": 2}, {"resample": 1}
# How one number in ``size`` is read.
_SQUARE, _EDGE = {"default_to_square": True}, {"default_to_square": False}
_PADS = {"do_pad": True}


@dataclass(frozen=True, slots=True)
class Kind:
    """An image processor: what it does, and its settings where a file is silent."""

    recipe: Recipe
    defaults: Mapping[str, Any]


def _box(height: int, width: int) -> dict[str, Any]:
    return {"do_resize": True, "size": {"height": height, "width": width}}


def _edge(shortest: int) -> dict[str, Any]:
    return {"do_resize": True, "size": {"shortest_edge": shortest}}


def _crop(side: int) -> dict[str, Any]:
    return {"do_center_crop": True, **_uncropped(side)}


def _uncropped(side: int) -> dict[str, Any]:
    return {"crop_size": {"height": side, "width": side}}


_DETR = {"do_resize": True, "size": {"shortest_edge": 800, "longest_edge": 1333}}
_CLIP_224 = {**_EDGE, **_edge(224), **_BICUBIC, **_crop(224), **_VALUES, **_CLIP}
_MOBILENET = {**_EDGE, **_edge(256), **_BILINEAR, **_crop(224), **_VALUES, **_HALF}
_VIT_224 = {**_SQUARE, **_box(224, 224), **_VALUES}

_STANDARD = {
    "BitImageProcessor": _CLIP_224,
    "BlipImageProcessor": {**_SQUARE, **_box(384, 384), **_BICUBIC, **_VALUES, **_CLIP},
    "ChameleonImageProcessor": {
        **_EDGE,
        **_edge(512),
        **_LANCZOS,
        **_crop(512),
        **_VALUES,
        "rescale_factor": 0.0078,
        "image_mean": (1.0, 1.0, 1.0),
        "image_std": (1.0, 1.0, 1.0),
    },
    "ChineseCLIPImageProcessor": _CLIP_224,
    "CLIPImageProcessor": _CLIP_224,
    "DeiTImageProcessor": {**_SQUARE, **_box(256, 256), **_BICUBIC, **_crop(224), **_VALUES, **_HALF},
    "MobileNetV1ImageProcessor": _MOBILENET,
    "OwlViTImageProcessor": {**_SQUARE, **_box(768, 768), **_BICUBIC, **_uncropped(768), **_VALUES, **_CLIP},
    "PPChart2TableImageProcessor": {**_SQUARE, **_box(1024, 1024), **_BICUBIC, **_VALUES, **_CLIP},
    "PvtImageProcessor": {**_VIT_224, **_BICUBIC, **_IMAGENET},
    "SiglipImageProcessor": {**_EDGE, **_box(224, 224), **_BICUBIC, **_VALUES, **_HALF},
    "ViTImageProcessor": {**_VIT_224, **_BILINEAR, **_HALF},
}

_DETRS = {
    name: {**_EDGE, **_DETR, **_BILINEAR, **_VALUES, **_IMAGENET, **_PADS}
    for name in (
        "ConditionalDetrImageProcessor",
        "DeformableDetrImageProcessor",
        "DetrImageProcessor",
        "GroundingDinoImageProcessor",
    )
}

KINDS: Mapping[str, Kind] = {
    **{name: Kind(recipes.make_standard, defaults) for name, defaults in _STANDARD.items()},
    **{name: Kind(recipes.make_detr, defaults) for name, defaults in _DETRS.items()},
    "BeitImageProcessor": Kind(recipes.make_unpadded, {**_VIT_224, **_BICUBIC, **_uncropped(224), **_HALF}),
    "ConvNextImageProcessor": Kind(
        recipes.make_convnext, {**_EDGE, **_edge(384), **_BICUBIC, **_VALUES, **_HALF, "crop_pct": 224 / 256}
    ),
    "DonutImageProcessor": Kind(
        recipes.make_donut, {**_SQUARE, **_box(2560, 1920), **_BILINEAR, **_VALUES, **_HALF, **_PADS, "do_thumbnail": True}
    ),
    "DPTImageProcessor": Kind(
        recipes.make_dpt, {**_SQUARE, **_box(384, 384), **_BICUBIC, **_VALUES, **_HALF, "ensure_multiple_of": 1}
    ),
    "EfficientNetImageProcessor": Kind(
        recipes.make_efficientnet,
        {**_SQUARE, **_box(346, 346), **_BICUBIC, **_uncropped(289), **_VALUES, **_HALF, "include_top": True},
    ),
    "GLPNImageProcessor": Kind(recipes.make_glpn, {"do_resize": True, **_BILINEAR, **_RESCALED, "size_divisor": 32}),
    "LevitImageProcessor": Kind(recipes.make_levit, {**_EDGE, **_edge(224), **_BICUBIC, **_crop(224), **_VALUES, **_IMAGENET}),
    "LlavaImageProcessor": Kind(recipes.make_llava, _CLIP_224),
    "MobileNetV2ImageProcessor": Kind(recipes.make_unpadded, _MOBILENET),
    "MobileViTImageProcessor": Kind(
        recipes.make_mobilevit,
        {**_EDGE, **_edge(224), **_BICUBIC, **_crop(256), **_RESCALED, "do_flip_channel_order": True},
    ),
    "PerceiverImageProcessor": Kind(recipes.make_perceiver, {**_VIT_224, **_BICUBIC, **_crop(256), **_IMAGENET}),
    "PoolFormerImageProcessor": Kind(
        recipes.make_poolformer, {**_EDGE, **_edge(224), **_BICUBIC, **_crop(224), **_VALUES, **_IMAGENET, "crop_pct": 0.9}
    ),
    "RTDetrImageProcessor": Kind(
        recipes.make_detr, {**_EDGE, **_box(640, 640), **_BILINEAR, **_VALUES, **_IMAGENET, "do_normalize": False}
    ),
    "SegformerImageProcessor": Kind(recipes.make_segformer, {**_SQUARE, **_box(512, 512), **_BILINEAR, **_VALUES, **_IMAGENET}),
    "Swin2SRImageProcessor": Kind(recipes.make_swin2sr, {**_RESCALED, **_PADS, "size_divisor": 8}),
    "TextNetImageProcessor": Kind(
        recipes.make_textnet,
        {**_EDGE, **_edge(640), **_BILINEAR, **_uncropped(224), **_VALUES, **_IMAGENET, "size_divisor": 32},
    ),
}

# A file that names no image processor must say everything itself, except that pictures are resized, scaled and normalized.
UNNAMED = Kind(recipes.make_standard, {"do_resize": True, **_VALUES})
