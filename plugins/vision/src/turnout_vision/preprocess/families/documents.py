"""Image processors of models that read pages."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families.kind import (
    BILINEAR,
    EDGE,
    HALF,
    IMAGENET,
    PADS,
    RESCALED,
    SQUARE,
    VALUES,
    Kind,
    box,
    crop_size,
    edge,
)
from turnout_vision.preprocess.families.standard import make_uncropped
from turnout_vision.preprocess.float_resize import AlignedResize
from turnout_vision.preprocess.geometry import AlignLongAxis, Canvas, CropMargin, Operation, Resize
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.readers import (
    pass_over,
    read_box,
    read_crop,
    read_factor,
    read_filter,
    read_resizing,
    read_scaling,
    read_shortest_edge,
    refuse_switch,
    switch_of,
)
from turnout_vision.preprocess.settings import Settings
from turnout_vision.preprocess.sizes import ExactSize, RoundedUp, ShortestEdge, Thumbnail
from turnout_vision.preprocess.values import Scaling


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


def make_nougat(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Nougat: a page without its margin, turned upright, reduced and put on a canvas."""
    height, width = read_box(settings, "size")
    geometry: list[Operation] = [CropMargin()] if settings.switch("do_crop_margin") else []
    if settings.switch("do_align_long_axis"):
        geometry.append(AlignLongAxis(height, width))
    if switch_of(settings, "do_resize", "resample"):
        geometry.append(Resize(ShortestEdge(min(height, width)), read_filter(settings)))
    if settings.switch("do_thumbnail"):
        geometry.append(Resize(Thumbnail(height, width), 3, reducing_gap=2.0))
    if settings.switch("do_pad"):
        geometry.append(Canvas(height, width))
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


def make_layoutlmv2(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of LayoutLMv2's pictures, blue first, 0 to 255; its words are another input."""
    pass_over(settings, "apply_ocr", "ocr_lang", "tesseract_config", *_LAYOUT_VALUES)
    return ImagePreprocessor(tuple(read_resizing(settings)), Scaling(None), bgr=True)


def make_layoutlmv3(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of LayoutLMv3's pictures; its words are another input."""
    pass_over(settings, "apply_ocr", "ocr_lang", "tesseract_config")
    return make_uncropped(settings)


def make_uvdoc(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of UVDoc, blue first, which resizes the numbers."""
    refuse_switch(settings, "do_normalize", "UVDoc does not normalize; write false")
    pass_over(settings, "resample", "image_mean", "image_std")
    factor = read_factor(settings)
    if not switch_of(settings, "do_resize", "size"):
        return ImagePreprocessor((), Scaling(factor), bgr=True)
    if factor is None:
        raise settings.error("do_rescale", "UVDoc resizes numbers from 0 to 1; write true, or `do_resize: false` too")
    return ImagePreprocessor((), Scaling(factor), after=(AlignedResize(ExactSize(*read_box(settings, "size"))),), bgr=True)


def make_textnet(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of TextNet, which rounds the resized sides up."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "size_divisor"):
        target = RoundedUp(ShortestEdge(read_shortest_edge(settings)), settings.whole_number("size_divisor"))
        geometry = [Resize(target, read_filter(settings))]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings))


# LayoutLMv2 has them and uses none.
_LAYOUT_VALUES = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std")

KINDS: Mapping[str, Kind] = {
    "DonutImageProcessor": Kind(
        make_donut, {**SQUARE, **box(2560, 1920), **BILINEAR, **VALUES, **HALF, **PADS, "do_thumbnail": True}
    ),
    "LayoutLMv2ImageProcessor": Kind(make_layoutlmv2, {**SQUARE, **box(224, 224), **BILINEAR}),
    "LayoutLMv3ImageProcessor": Kind(make_layoutlmv3, {**SQUARE, **box(224, 224), **BILINEAR, **VALUES, **HALF}),
    "NougatImageProcessor": Kind(
        make_nougat,
        {**SQUARE, **box(896, 672), **BILINEAR, **VALUES, **IMAGENET, **PADS, "do_thumbnail": True, "do_crop_margin": True},
    ),
    "TextNetImageProcessor": Kind(
        make_textnet,
        {**EDGE, **edge(640), **BILINEAR, **crop_size(224), **VALUES, **IMAGENET, "size_divisor": 32},
    ),
    "UVDocImageProcessor": Kind(make_uvdoc, {**SQUARE, **box(712, 488), **BILINEAR, **RESCALED}, exact=False),
}
