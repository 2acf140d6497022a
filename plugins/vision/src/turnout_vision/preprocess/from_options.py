"""From the option ``prepare`` of a step to an image preprocessor."""

from __future__ import annotations

from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.preprocess.geometry import Canvas, CenterCrop, Operation, Resize
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.sizes import (
    ExactSize,
    LargestInside,
    LongestEdge,
    NearestMultiple,
    ShortestEdge,
    ShortestEdgeWithin,
    TargetSize,
)
from turnout_vision.preprocess.values import Normalization, Scaling, Triple

_RESAMPLE = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
# What the YOLO family was trained with around its pictures.
_LETTERBOX_GREY = (114, 114, 114)


def preprocessor_from(options: PrepareOptions) -> ImagePreprocessor:
    """Return the preprocessor that ``options`` describe."""
    return ImagePreprocessor(
        tuple(_read_geometry(options)),
        _read_scaling(options),
        bgr=options.order == "BGR",
        channels_last=options.layout == "NHWC",
    )


def _read_geometry(options: PrepareOptions) -> list[Operation]:
    geometry: list[Operation] = []
    target = _read_target(options)
    if target is not None:
        geometry.append(Resize(target, _RESAMPLE[options.resample]))
    if options.letterbox is not None:
        color = options.pad_color or _LETTERBOX_GREY
        geometry.append(Canvas(*options.letterbox, color, centered=options.align == "center"))
    if options.crop is not None:
        geometry.append(CenterCrop(*options.crop))
    if options.pad is not None:
        geometry.append(Canvas(*options.pad, options.pad_color or (0, 0, 0), centered=False))
    return geometry


def _read_target(options: PrepareOptions) -> TargetSize | None:
    if options.size is not None:
        return ExactSize(*options.size)
    if options.letterbox is not None:
        return LargestInside(*options.letterbox)
    target = _read_edges(options)
    return NearestMultiple(target, options.multiple_of) if target is not None and options.multiple_of > 1 else target


def _read_edges(options: PrepareOptions) -> TargetSize | None:
    shortest, longest = options.shortest_edge, options.longest_edge
    if shortest is None:
        return None if longest is None else LongestEdge(longest)
    return ShortestEdge(shortest) if longest is None else ShortestEdgeWithin(shortest, longest)


def _read_scaling(options: PrepareOptions) -> Scaling:
    # The numbers are in the order of the model's channels, and values are scaled before they change their order.
    mean, std = (_reverse(options.mean), _reverse(options.std)) if options.order == "BGR" else (options.mean, options.std)
    neutral = (mean, std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Scaling(options.scale, normalizations=() if neutral else (Normalization(mean, std),))


def _reverse(numbers: Triple) -> Triple:
    first, second, third = numbers
    return third, second, first
