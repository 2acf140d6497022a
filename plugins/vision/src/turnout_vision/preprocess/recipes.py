"""Recipes: what each kind of image processor does with its settings, in its order.

A recipe reads every setting that its image processor in transformers reads, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from turnout_vision.preprocess.geometry import (
    AlignLongAxis,
    Canvas,
    CenterCrop,
    MirroredEdge,
    Operation,
    Resize,
    ShareCrop,
    SquareCanvas,
)
from turnout_vision.preprocess.preprocessor import ImagePreprocessor, PadToMultiple
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
from turnout_vision.preprocess.sizes import ExactSize, MultipleOf, RoundedDown, RoundedUp, ShortestEdge, Thumbnail
from turnout_vision.preprocess.values import Normalization, Scaling

Recipe = Callable[[Settings], ImagePreprocessor]


def make_standard(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of most image processors: resize, crop, rescale, normalize, pad."""
    geometry = (*read_resizing(settings), *read_crop(settings))
    return ImagePreprocessor(geometry, read_scaling(settings), read_padding(settings))


def make_unpadded(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of an image processor that never pads."""
    return ImagePreprocessor((*read_resizing(settings), *read_crop(settings)), read_scaling(settings))


def make_segformer(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of SegFormer, which neither crops nor pads."""
    return ImagePreprocessor(tuple(read_resizing(settings)), read_scaling(settings))


def make_detr(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of DETR and its relatives."""
    if settings.switch("do_resize") and set(expand_size(settings)) == {"shortest_edge"}:
        raise settings.error("size", "this is not supported; write {'shortest_edge': S, 'longest_edge': L}")
    return ImagePreprocessor(tuple(read_resizing(settings)), read_scaling(settings), read_padding(settings))


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


def make_glpn(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of GLPN, which rounds the picture's own size down."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "resample", "size_divisor"):
        geometry = [Resize(RoundedDown(settings.whole_number("size_divisor")), read_filter(settings))]
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


def make_textnet(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of TextNet, which rounds the resized sides up."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "size_divisor"):
        target = RoundedUp(ShortestEdge(read_shortest_edge(settings)), settings.whole_number("size_divisor"))
        geometry = [Resize(target, read_filter(settings))]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings))


def make_dpt(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of DPT and Depth Anything: a multiple of the patch, the aspect ratio if wanted."""
    geometry: list[Operation] = []
    keep = settings.switch("keep_aspect_ratio")
    if switch_of(settings, "do_resize", "size", "resample", "ensure_multiple_of"):
        target = MultipleOf(*read_box(settings, "size"), keep, settings.whole_number("ensure_multiple_of"))
        geometry = [Resize(target, read_filter(settings))]
    pads = switch_of(settings, "do_pad", "size_divisor") and settings.value("size_divisor") is not None
    padding = PadToMultiple(settings.whole_number("size_divisor")) if pads else None
    return ImagePreprocessor(tuple(geometry), read_scaling(settings), padding)


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


def make_swin2sr(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Swin2SR, which mirrors edges and does nothing else to the size."""
    pads = switch_of(settings, "do_pad", "size_divisor")
    geometry = (MirroredEdge(settings.whole_number("size_divisor")),) if pads else ()
    return ImagePreprocessor(geometry, Scaling(read_factor(settings)))


def make_llava(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of LLaVA, which may make the picture a square of the mean color first."""
    square: list[Operation] = []
    if settings.switch("do_pad"):
        red, green, blue = (int(value * 255) for value in read_triple(settings, "image_mean"))
        square = [SquareCanvas((red, green, blue))]
    return ImagePreprocessor((*square, *read_resizing(settings), *read_crop(settings)), read_scaling(settings))


def make_donut(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Donut: a page, turned upright, reduced and put on a canvas."""
    size = settings.value("size")
    if isinstance(size, list | tuple):
        raise settings.error("size", "this is not supported; write {'height': H, 'width': W}")
    resample, (height, width) = read_filter(settings), read_box(settings, "size")
    geometry: list[Operation] = [AlignLongAxis(height, width)] if settings.switch("do_align_long_axis") else []
    if settings.switch("do_resize"):
        geometry.append(Resize(ShortestEdge(min(height, width)), resample))
    if settings.switch("do_thumbnail"):
        # Donut's nearest filter, number 0, counts as none given.
        geometry.append(Resize(Thumbnail(height, width), resample or 3))
    if settings.switch("do_pad"):
        geometry.append(Canvas(height, width))
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings))
