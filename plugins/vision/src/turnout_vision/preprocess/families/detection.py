"""Image processors of detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from turnout_vision.preprocess.families.kind import (
    BILINEAR,
    CLIP,
    DETR,
    EDGE,
    IMAGENET,
    PADS,
    SQUARE,
    VALUES,
    Kind,
    box,
)
from turnout_vision.preprocess.float_resize import SmoothResize
from turnout_vision.preprocess.geometry import Operation, Resize
from turnout_vision.preprocess.pixel_sizes import ShortestEdgeMultiple
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.readers import (
    assume_longest_edge,
    expand_size,
    pass_over,
    read_box,
    read_factor,
    read_normalization,
    read_padding,
    read_resizing,
    read_scaling,
    switch_of,
)
from turnout_vision.preprocess.settings import Settings
from turnout_vision.preprocess.sizes import ShortestEdgeWithin
from turnout_vision.preprocess.value_operations import PadSquare, ValueOperation
from turnout_vision.preprocess.values import Scaling


def make_detr(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of DETR and its relatives."""
    assume_longest_edge(settings, 1333)
    return make_rt_detr(settings)


def make_rt_detr(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of RT-DETR: as DETR, but one number in ``size`` has no meaning."""
    if settings.switch("do_resize") and set(expand_size(settings)) == {"shortest_edge"}:
        raise settings.error("size", "this is not supported; write {'shortest_edge': S, 'longest_edge': L}")
    return ImagePreprocessor(tuple(read_resizing(settings)), read_scaling(settings), read_padding(settings))


def make_yolos(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of YOLOS: as DETR, with sides rounded down to a multiple of 16."""
    detr = make_detr(settings)
    return replace(detr, geometry=tuple(_round_down(operation) for operation in detr.geometry))


def _round_down(operation: Operation) -> Operation:
    match operation:
        case Resize(target=ShortestEdgeWithin(edge, longest), resample=resample):
            return Resize(ShortestEdgeMultiple(edge, longest, 16), resample)
    return operation


def make_owlv2(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of OWLv2, which scales, pads to a square and then resizes the numbers."""
    pass_over(settings, "crop_size")
    if settings.value("resample") == 0:
        raise settings.error("resample", "OWLv2 takes 0 for an order not to smooth, which is not supported; write 2")
    factor, operations = read_factor(settings), list[ValueOperation]()
    if settings.switch("do_pad"):
        operations.append(PadSquare())
    if switch_of(settings, "do_resize", "size"):
        if factor is None:
            raise settings.error("do_rescale", "OWLv2 resizes numbers from 0 to 1; write true, or `do_resize: false` too")
        operations.append(SmoothResize(*read_box(settings, "size")))
    return ImagePreprocessor((), Scaling(factor), after=(*operations, *read_normalization(settings)))


KINDS: Mapping[str, Kind] = {
    **{
        name: Kind(make_detr, DETR)
        for name in (
            "ConditionalDetrImageProcessor",
            "DeformableDetrImageProcessor",
            "DetrImageProcessor",
            "GroundingDinoImageProcessor",
        )
    },
    "Owlv2ImageProcessor": Kind(make_owlv2, {**SQUARE, **box(960, 960), **BILINEAR, **VALUES, **CLIP, **PADS}, exact=False),
    "RTDetrImageProcessor": Kind(
        make_rt_detr, {**EDGE, **box(640, 640), **BILINEAR, **VALUES, **IMAGENET, "do_normalize": False}
    ),
    "YolosImageProcessor": Kind(make_yolos, DETR),
}
