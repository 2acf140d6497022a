"""Image processors of depth, keypoint and restoration models."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families.kind import BICUBIC, BILINEAR, EDGE, HALF, PADS, RESCALED, SQUARE, VALUES, Kind, box
from turnout_vision.preprocess.float_resize import AlignedResize
from turnout_vision.preprocess.geometry import MirroredEdge, Operation, Resize
from turnout_vision.preprocess.preprocessor import ImagePreprocessor, PadToMultiple
from turnout_vision.preprocess.readers import (
    pass_over,
    read_box,
    read_factor,
    read_filter,
    read_normalization,
    read_resizing,
    read_scaling,
    switch_of,
)
from turnout_vision.preprocess.settings import Settings
from turnout_vision.preprocess.sizes import MultipleOf, RoundedDown
from turnout_vision.preprocess.value_operations import Grayscale, ReflectedFrame, ValueOperation
from turnout_vision.preprocess.values import Scaling


def make_glpn(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of GLPN, which rounds the picture's own size down."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "resample", "size_divisor"):
        geometry = [Resize(RoundedDown(settings.whole_number("size_divisor")), read_filter(settings))]
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


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


def make_prompt_depth(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Prompt Depth Anything's pictures; its prompt is another input."""
    pass_over(settings, "prompt_scale_to_meter")
    return make_dpt(settings)


def make_zoedepth(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of ZoeDepth, which mirrors the edges and then resizes the numbers."""
    factor, operations = read_factor(settings), list[ValueOperation]()
    if settings.switch("do_pad"):
        operations.append(ReflectedFrame())
    keep = settings.switch("keep_aspect_ratio")
    if switch_of(settings, "do_resize", "size", "resample", "ensure_multiple_of"):
        if factor is None:
            raise settings.error("do_rescale", "ZoeDepth resizes numbers from 0 to 1; write true, or `do_resize: false` too")
        if read_filter(settings) != 2:
            raise settings.error("resample", "supported: 2 (bilinear)")
        target = MultipleOf(*read_box(settings, "size"), keep, settings.number("ensure_multiple_of"))
        operations.append(AlignedResize(target))
    return ImagePreprocessor((), Scaling(factor), after=(*operations, *read_normalization(settings)))


def make_superpoint(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of SuperPoint, which normalizes nothing and may remove the color."""
    pass_over(settings, "do_normalize", "image_mean", "image_std")
    gray = (Grayscale(),) if settings.switch("do_grayscale") else ()
    return ImagePreprocessor(tuple(read_resizing(settings)), Scaling(read_factor(settings)), after=gray)


def make_swin2sr(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Swin2SR, which mirrors edges and does nothing else to the size."""
    pads = switch_of(settings, "do_pad", "size_divisor")
    geometry = (MirroredEdge(settings.whole_number("size_divisor")),) if pads else ()
    return ImagePreprocessor(geometry, Scaling(read_factor(settings)))


_DPT = {**SQUARE, **box(384, 384), **BICUBIC, **VALUES, **HALF, "ensure_multiple_of": 1}

KINDS: Mapping[str, Kind] = {
    "DPTImageProcessor": Kind(make_dpt, _DPT),
    "GLPNImageProcessor": Kind(make_glpn, {"do_resize": True, **BILINEAR, **RESCALED, "size_divisor": 32}),
    "PromptDepthAnythingImageProcessor": Kind(make_prompt_depth, _DPT),
    "SuperPointImageProcessor": Kind(make_superpoint, {**EDGE, **box(480, 640), **BILINEAR, **RESCALED}),
    "Swin2SRImageProcessor": Kind(make_swin2sr, {**RESCALED, **PADS, "size_divisor": 8}),
    "ZoeDepthImageProcessor": Kind(
        make_zoedepth,
        {
            **SQUARE,
            **box(384, 512),
            **BILINEAR,
            **VALUES,
            **HALF,
            **PADS,
            "keep_aspect_ratio": True,
            "ensure_multiple_of": 1 / 32,
        },
        exact=False,
    ),
}
