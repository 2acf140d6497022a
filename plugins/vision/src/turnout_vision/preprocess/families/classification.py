"""Image processors of classifiers with rules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from turnout_vision.preprocess.families.kind import (
    BICUBIC,
    EDGE,
    HALF,
    IMAGENET,
    RESCALED,
    SQUARE,
    VALUES,
    VIT_224,
    Kind,
    box,
    crop,
    crop_size,
    edge,
)
from turnout_vision.preprocess.geometry import CenterCrop, Operation, Resize, ShareCrop
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.readers import (
    expand_size,
    read_box,
    read_crop,
    read_factor,
    read_filter,
    read_padding,
    read_resizing,
    read_scaling,
    read_shortest_edge,
    read_target,
    read_triple,
    switch_of,
)
from turnout_vision.preprocess.settings import Settings
from turnout_vision.preprocess.sizes import ExactSize, ShortestEdge
from turnout_vision.preprocess.values import Normalization, Scaling


def make_convnext(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of ConvNeXT: below 384 it crops, from 384 it distorts."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "crop_pct"):
        edge, resample = read_shortest_edge(settings), read_filter(settings)
        if edge < 384:
            larger = ShortestEdge(int(edge / settings.number("crop_pct")))
            geometry = [Resize(larger, resample), CenterCrop(edge, edge)]
        else:
            geometry = [Resize(ExactSize(edge, edge), resample)]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings))


def make_poolformer(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of PoolFormer, which resizes to more than it crops."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "crop_pct"):
        sizes = expand_size(settings)
        if set(sizes) != {"shortest_edge"} and not (set(sizes) == {"height", "width"} and len(set(sizes.values())) == 1):
            raise settings.error("size", "this is not supported; write {'shortest_edge': S}")
        edge = int(next(iter(sizes.values())) / settings.number("crop_pct"))
        geometry = [Resize(ShortestEdge(edge), read_filter(settings))]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings), read_padding(settings))


def make_levit(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of LeViT, which resizes to 256/224 of the side that it crops."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample"):
        target = read_target(settings)
        if isinstance(target, ShortestEdge):
            target = ShortestEdge(int((256 / 224) * target.edge))
        elif not isinstance(target, ExactSize):
            raise settings.error("size", "this is not supported; write {'shortest_edge': S} or {'height': H, 'width': W}")
        geometry = [Resize(target, read_filter(settings))]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings), read_padding(settings))


def make_efficientnet(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of EfficientNet, which may shift values and divide by ``image_std`` twice."""
    scaling = read_scaling(settings)
    if settings.switch("rescale_offset") and scaling.factor is not None:
        scaling = replace(scaling, offset=1.0)
    if settings.switch("include_top"):
        again = Normalization((0.0, 0.0, 0.0), read_triple(settings, "image_std"))
        scaling = replace(scaling, normalizations=(*scaling.normalizations, again))
    return ImagePreprocessor((*read_resizing(settings), *read_crop(settings)), scaling)


def make_mobilevit(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of MobileViT, which does not normalize and may ask for BGR."""
    if switch_of(settings, "do_normalize", "image_mean", "image_std"):
        raise settings.error("do_normalize", "MobileViTImageProcessor does not normalize: write false")
    geometry = (*read_resizing(settings), *read_crop(settings))
    return ImagePreprocessor(geometry, Scaling(read_factor(settings)), bgr=settings.switch("do_flip_channel_order"))


def make_perceiver(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Perceiver, which crops before it resizes."""
    crop: list[Operation] = []
    if switch_of(settings, "do_center_crop", "crop_size", "size"):
        height, width = read_box(settings, "size")
        crop_height, crop_width = read_box(settings, "crop_size")
        crop = [ShareCrop(height / crop_height, width / crop_width)]
    return ImagePreprocessor((*crop, *read_resizing(settings)), read_scaling(settings))


KINDS: Mapping[str, Kind] = {
    "ConvNextImageProcessor": Kind(make_convnext, {**EDGE, **edge(384), **BICUBIC, **VALUES, **HALF, "crop_pct": 224 / 256}),
    "EfficientNetImageProcessor": Kind(
        make_efficientnet,
        {**SQUARE, **box(346, 346), **BICUBIC, **crop_size(289), **VALUES, **HALF, "include_top": True},
    ),
    "LevitImageProcessor": Kind(make_levit, {**EDGE, **edge(224), **BICUBIC, **crop(224), **VALUES, **IMAGENET}),
    "MobileViTImageProcessor": Kind(
        make_mobilevit,
        {**EDGE, **edge(224), **BICUBIC, **crop(256), **RESCALED, "do_flip_channel_order": True},
    ),
    "PerceiverImageProcessor": Kind(make_perceiver, {**VIT_224, **BICUBIC, **crop(256), **IMAGENET}),
    "PoolFormerImageProcessor": Kind(
        make_poolformer, {**EDGE, **edge(224), **BICUBIC, **crop(224), **VALUES, **IMAGENET, "crop_pct": 0.9}
    ),
}
