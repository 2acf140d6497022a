"""Readers of settings that several image processors share: sizes, crops, values, padding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from turnout_vision.preprocess.geometry import CenterCrop, Operation, Resize
from turnout_vision.preprocess.preprocessor import PadTo
from turnout_vision.preprocess.settings import Settings
from turnout_vision.preprocess.sizes import ExactSize, ShortestEdge, ShortestEdgeWithin, Size, TargetSize, Within
from turnout_vision.preprocess.value_operations import Normalize
from turnout_vision.preprocess.values import Normalization, Scaling, Triple

# Checkpoints name a resampling filter by Pillow's number.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_EDGES = "{'shortest_edge': S} or {'shortest_edge': S, 'longest_edge': L}"
_FORMS = f"{{'height': H, 'width': W}}, {{'max_height': H, 'max_width': W}}, {_EDGES}"
MAX_SIDE = 16_384


def read_resizing(settings: Settings) -> Iterable[Operation]:
    """Return the resizing that ``do_resize``, ``size`` and ``resample`` ask for.

    Raises:
        ConfigurationError: a setting is missing or not supported. So do the other readers.
    """
    return (
        [Resize(read_target(settings), read_filter(settings))] if switch_of(settings, "do_resize", "size", "resample") else []
    )


def read_crop(settings: Settings) -> Iterable[Operation]:
    """Return the crop that ``do_center_crop`` and ``crop_size`` ask for."""
    return [CenterCrop(*read_box(settings, "crop_size"))] if switch_of(settings, "do_center_crop", "crop_size") else []


def read_scaling(settings: Settings) -> Scaling:
    """Return the values that ``do_rescale``, ``do_normalize`` and their numbers ask for."""
    normalizations = tuple(each.normalization for each in read_normalization(settings))
    return Scaling(read_factor(settings), normalizations=normalizations)


def read_normalization(settings: Settings) -> list[Normalize]:
    """Return the operation that ``do_normalize``, ``image_mean`` and ``image_std`` ask for."""
    if not switch_of(settings, "do_normalize", "image_mean", "image_std"):
        return []
    return [Normalize(Normalization(read_triple(settings, "image_mean"), read_triple(settings, "image_std")))]


def read_factor(settings: Settings) -> float | None:
    """Return the factor that ``do_rescale`` and ``rescale_factor`` ask for."""
    return settings.number("rescale_factor") if switch_of(settings, "do_rescale", "rescale_factor") else None


def read_padding(settings: Settings) -> PadTo | None:
    """Return the padding that ``do_pad`` and ``pad_size`` ask for.

    Without ``pad_size``, pictures are padded to the largest of their batch: one picture alone is not.
    """
    wanted = switch_of(settings, "do_pad", "pad_size") and settings.value("pad_size") is not None
    return PadTo(*read_box(settings, "pad_size")) if wanted else None


def pass_over(settings: Settings, *keys: str) -> None:
    """Count ``keys`` as read: in this image processor they change no pixel values."""
    for key in keys:
        settings.value(key)


def refuse_switch(settings: Settings, key: str, reason: str) -> None:
    """Raise ConfigurationError if ``key`` is on."""
    if settings.switch(key):
        raise settings.error(key, reason)


def switch_of(settings: Settings, key: str, *dependents: str) -> bool:
    """Return whether ``key`` is on; ``dependents`` count as read, because they have no effect without it."""
    for dependent in dependents:
        settings.value(dependent)
    return settings.switch(key)


def read_target(settings: Settings) -> TargetSize:
    """Return the target of ``size``."""
    size = expand_size(settings)
    keys = set(size)
    if keys == {"height", "width"}:
        return ExactSize(size["height"], size["width"])
    if keys == {"shortest_edge"}:
        return ShortestEdge(size["shortest_edge"])
    if keys == {"shortest_edge", "longest_edge"}:
        return ShortestEdgeWithin(size["shortest_edge"], size["longest_edge"])
    if keys == {"max_height", "max_width"}:
        return Within(size["max_height"], size["max_width"])
    raise settings.error("size", f"this is not supported; write {_FORMS}")


def expand_size(settings: Settings, key: str = "size") -> dict[str, int]:
    """Return the sizes in ``key`` by name, from any form: an object, a list of two, or one number."""
    size, square = settings.value(key), settings.value("default_to_square")
    if isinstance(size, list | tuple) and len(size) == 2:
        size = {"height": size[0], "width": size[1]}
    elif isinstance(size, int) and (square is not None or key != "size"):
        size = {"height": size, "width": size} if square or key != "size" else {"shortest_edge": size}
    # Without an image processor, one number may mean a square or a side.
    if not isinstance(size, dict):
        raise settings.error(key, f"this is not supported; write {_FORMS}")
    sizes = {name: side for name, side in size.items() if side is not None}
    if not all(_is_side(side) for side in sizes.values()):
        raise settings.error(key, f"this is not supported; its sides must be from 1 to {MAX_SIDE}")
    return sizes


def read_box(settings: Settings, key: str) -> Size:
    """Return the height and width in ``key``."""
    sizes = expand_size(settings, key)
    if set(sizes) != {"height", "width"}:
        raise settings.error(key, "this is not supported; write {'height': H, 'width': W}")
    return sizes["height"], sizes["width"]


def read_shortest_edge(settings: Settings) -> int:
    """Return the one side in ``size``, for image processors that accept no other form."""
    sizes = expand_size(settings)
    if set(sizes) != {"shortest_edge"}:
        raise settings.error("size", "this is not supported; write {'shortest_edge': S}")
    return sizes["shortest_edge"]


def read_longest_edge(settings: Settings) -> int:
    """Return the one side in ``size``, for image processors that resize the longer side."""
    sizes = expand_size(settings)
    if set(sizes) != {"longest_edge"}:
        raise settings.error("size", "this is not supported; write {'longest_edge': L}")
    return sizes["longest_edge"]


def assume_longest_edge(settings: Settings, default: int | None) -> None:
    """Read ``size`` as one number, and ``max_size`` as the longer side, as older checkpoints write them."""
    longest = settings.value("max_size") or default
    if isinstance(settings.value("size"), int) and longest is not None:
        settings.assume("size", {"shortest_edge": settings.value("size"), "longest_edge": longest})


def read_filter(settings: Settings) -> int:
    """Return Pillow's number of the resampling filter."""
    resample = settings.value("resample")
    if isinstance(resample, int) and resample in _FILTERS:
        return int(resample)
    supported = ", ".join(f"{number} ({name})" for number, name in _FILTERS.items())
    raise settings.error("resample", f"supported: {supported}")


def read_triple(settings: Settings, key: str) -> Triple:
    """Return the three numbers in ``key``; one number is used for all channels."""
    value = settings.value(key)
    values = [value] * 3 if _is_number(value) else value
    numbers = isinstance(values, list | tuple) and len(values) == 3 and all(_is_number(each) for each in values)
    if not numbers or (key == "image_std" and 0 in values):
        raise settings.error(key, "three numbers are required, one per channel")
    red, green, blue = values
    return float(red), float(green), float(blue)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIDE


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
