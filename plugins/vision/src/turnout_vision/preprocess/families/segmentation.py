"""Image processors of segmenters."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families.kind import (
    BICUBIC,
    BILINEAR,
    DETR,
    EDGE,
    IMAGENET,
    PADS,
    SQUARE,
    VALUES,
    Kind,
    box,
    edges,
    longest,
)
from turnout_vision.preprocess.families.standard import make_uncropped
from turnout_vision.preprocess.geometry import CornerCanvas, Operation, Resize
from turnout_vision.preprocess.preprocessor import ImagePreprocessor, PadTo
from turnout_vision.preprocess.readers import (
    assume_longest_edge,
    expand_size,
    pass_over,
    read_box,
    read_crop,
    read_filter,
    read_longest_edge,
    read_padding,
    read_resizing,
    read_scaling,
    read_target,
    refuse_switch,
    switch_of,
)
from turnout_vision.preprocess.settings import Settings
from turnout_vision.preprocess.sizes import LongestEdge, RoundedUp, ShortestEdge


def make_maskformer(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of MaskFormer and Mask2Former, which round the resized sides up."""
    assume_longest_edge(settings, None)
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "size_divisor"):
        target = read_target(settings)
        if isinstance(target, ShortestEdge):
            raise settings.error("size", "this is not supported; write {'shortest_edge': S, 'longest_edge': L}")
        # Many checkpoints say 0, which rounds nothing.
        divisor = settings.whole_number("size_divisor") if settings.value("size_divisor") else 1
        geometry = [Resize(RoundedUp(target, divisor), read_filter(settings))]
    pads = settings.value("pad_size") is not None
    return ImagePreprocessor(tuple(geometry), read_scaling(settings), PadTo(*read_box(settings, "pad_size")) if pads else None)


def make_oneformer(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of OneFormer's pictures; its task is another input."""
    pass_over(settings, "repo_path", "class_info_file", "num_text", "metadata", "max_size")
    return make_uncropped(settings)


def make_eomt(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of EoMT, which may fill a picture up to its size."""
    refuse_switch(settings, "do_split_image", "it cuts a picture into a varying number of parts; write false")
    geometry = list(read_resizing(settings))
    if switch_of(settings, "do_pad", "size"):
        sizes = expand_size(settings)
        if "shortest_edge" not in sizes:
            raise settings.error("size", "do_pad needs {'shortest_edge': S, 'longest_edge': L}")
        geometry.append(CornerCanvas(sizes["shortest_edge"], sizes.get("longest_edge", sizes["shortest_edge"])))
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


def make_sam(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of SAM: the longer side, then zeros up to a square."""
    pass_over(settings, "mask_size", "mask_pad_size")
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample"):
        geometry = [Resize(LongestEdge(read_longest_edge(settings)), read_filter(settings))]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings), read_padding(settings))


_MASKFORMER = {**EDGE, **edges(800, 1333), **BILINEAR, **VALUES, **IMAGENET, "size_divisor": 32}

KINDS: Mapping[str, Kind] = {
    "EomtImageProcessor": Kind(make_eomt, {**EDGE, **edges(640, 640), **BILINEAR, **VALUES, **IMAGENET}),
    "Mask2FormerImageProcessor": Kind(make_maskformer, _MASKFORMER),
    "MaskFormerImageProcessor": Kind(make_maskformer, _MASKFORMER),
    "OneFormerImageProcessor": Kind(make_oneformer, DETR),
    "SamImageProcessor": Kind(
        make_sam,
        {**SQUARE, **longest(1024), **BILINEAR, **VALUES, **IMAGENET, **PADS, "pad_size": {"height": 1024, "width": 1024}},
    ),
    "SegGptImageProcessor": Kind(make_uncropped, {**SQUARE, **box(448, 448), **BICUBIC, **VALUES, **IMAGENET}),
    "SegformerImageProcessor": Kind(make_uncropped, {**SQUARE, **box(512, 512), **BILINEAR, **VALUES, **IMAGENET}),
}
