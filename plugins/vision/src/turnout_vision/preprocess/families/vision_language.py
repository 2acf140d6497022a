"""Image processors of models that read pictures and texts."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families.kind import (
    BICUBIC,
    CLIP,
    CLIP_224,
    EDGE,
    HALF,
    PADS,
    SQUARE,
    VALUES,
    Kind,
    box,
    edge,
    longest,
)
from turnout_vision.preprocess.geometry import Canvas, CenterCrop, Operation, Resize, SquareCanvas
from turnout_vision.preprocess.pixel_sizes import LongestEdgeAtLeast, PixelBudget, ShortestEdgeDown, WholePatches
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.readers import (
    expand_size,
    pass_over,
    read_box,
    read_crop,
    read_filter,
    read_resizing,
    read_scaling,
    read_shortest_edge,
    read_triple,
    refuse_switch,
    switch_of,
)
from turnout_vision.preprocess.settings import Settings


def make_llava(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of LLaVA, which may make the picture a square of the mean color first."""
    square: list[Operation] = []
    if settings.switch("do_pad"):
        red, green, blue = (int(value * 255) for value in read_triple(settings, "image_mean"))
        square = [SquareCanvas((red, green, blue))]
    return ImagePreprocessor((*square, *read_resizing(settings), *read_crop(settings)), read_scaling(settings))


def make_janus(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Janus and DeepSeek-VL: the longer side, then a square of the mean color."""
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "min_size"):
        height, width = read_box(settings, "size")
        if height != width:
            raise settings.error("size", "this is not supported; write a square, {'height': S, 'width': S}")
        target = LongestEdgeAtLeast(height, settings.whole_number("min_size"))
        geometry.append(Resize(target, read_filter(settings)))
    # The file may name a color, which is computed again when it is loaded.
    pass_over(settings, "background_color")
    if settings.switch("do_pad"):
        red, green, blue = (int(value * 255) for value in read_triple(settings, "image_mean"))
        geometry.append(SquareCanvas((red, green, blue)))
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


def make_emu3(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Emu3, whose pictures have a bounded number of pixels."""
    # Its file repeats the two limits as ``size``, and pads to the largest of a batch.
    pass_over(settings, "size", "do_pad")
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "resample", "spatial_factor", "min_pixels", "max_pixels"):
        factor, least, most = (settings.whole_number(key) for key in ("spatial_factor", "min_pixels", "max_pixels"))
        geometry = [Resize(PixelBudget(factor, least, most), read_filter(settings))]
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


def make_pixtral(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Pixtral, which rounds the resized sides up to whole patches."""
    pass_over(settings, "do_pad")
    geometry: list[Operation] = []
    if switch_of(settings, "do_resize", "size", "resample", "patch_size"):
        sizes = expand_size(settings)
        if set(sizes) == {"longest_edge"}:
            height = width = sizes["longest_edge"]
        else:
            height, width = read_box(settings, "size")
        geometry = [Resize(WholePatches(height, width, *read_box(settings, "patch_size")), read_filter(settings))]
    return ImagePreprocessor((*geometry, *read_crop(settings)), read_scaling(settings))


def make_vilt(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of ViLT, which rounds the resized sides down."""
    pass_over(settings, "do_pad")
    return ImagePreprocessor(tuple(_read_edge_down(settings)), read_scaling(settings))


def make_bridgetower(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of BridgeTower: as ViLT, then a square crop."""
    pass_over(settings, "do_pad")
    geometry = _read_edge_down(settings)
    if switch_of(settings, "do_center_crop", "crop_size"):
        sizes = settings.value("crop_size")
        side = sizes.get("shortest_edge") if isinstance(sizes, dict) else None
        if not isinstance(side, int) or side < 1:
            raise settings.error("crop_size", "this is not supported; write {'shortest_edge': S}")
        geometry.append(CenterCrop(side, side))
    return ImagePreprocessor(tuple(geometry), read_scaling(settings))


def make_aria(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Aria: the longer side, then a black square."""
    refuse_switch(settings, "split_image", "it cuts a picture into a varying number of tiles; write false")
    pass_over(settings, "split_resolutions")
    side, least = settings.whole_number("max_image_size"), settings.whole_number("min_image_size")
    if side not in (490, 980):
        raise settings.error("max_image_size", "supported: 490, 980")
    resize = Resize(LongestEdgeAtLeast(side, least, rounds=int), read_filter(settings))
    return ImagePreprocessor((resize, Canvas(side, side, centered=False)), read_scaling(settings))


def _read_edge_down(settings: Settings) -> list[Operation]:
    if not switch_of(settings, "do_resize", "size", "resample", "size_divisor"):
        return []
    target = ShortestEdgeDown(read_shortest_edge(settings), settings.whole_number("size_divisor"))
    return [Resize(target, read_filter(settings))]


_JANUS = {**SQUARE, **box(384, 384), **BICUBIC, **VALUES, **CLIP, **PADS, "min_size": 14}

KINDS: Mapping[str, Kind] = {
    "AriaImageProcessor": Kind(make_aria, {**BICUBIC, **VALUES, **HALF, "max_image_size": 980, "min_image_size": 336}),
    "BridgeTowerImageProcessor": Kind(
        make_bridgetower,
        {
            **EDGE,
            **edge(288),
            **BICUBIC,
            **VALUES,
            **CLIP,
            "do_center_crop": True,
            "crop_size": {"shortest_edge": 288},
            "size_divisor": 32,
        },
    ),
    "DeepseekVLImageProcessor": Kind(make_janus, _JANUS),
    "Emu3ImageProcessor": Kind(
        make_emu3,
        {
            "do_resize": True,
            **BICUBIC,
            **VALUES,
            **CLIP,
            "min_pixels": 512 * 512,
            "max_pixels": 1024 * 1024,
            "spatial_factor": 8,
        },
    ),
    "JanusImageProcessor": Kind(make_janus, _JANUS),
    "LlavaImageProcessor": Kind(make_llava, CLIP_224),
    "PixtralImageProcessor": Kind(
        make_pixtral, {**SQUARE, **longest(1024), **BICUBIC, **VALUES, **CLIP, "patch_size": {"height": 16, "width": 16}}
    ),
    "ViltImageProcessor": Kind(make_vilt, {**EDGE, **edge(384), **BICUBIC, **VALUES, **HALF, "size_divisor": 32}),
}
