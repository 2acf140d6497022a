"""The sizes of ``pixel_values``, from a checkpoint's own configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Size = tuple[int, int]

FREE: Size = (-1, -1)
_USUAL: Size = (224, 224)


def picture_sizes(config: Mapping[str, Any], processor: Mapping[str, Any]) -> tuple[Size, ...]:
    """Return height and width of pictures, the best first: (-1, -1) for pictures that are prepared in their own proportions."""
    trained = _pair(config.get("image_size")) or _pair(_mapping(config.get("vision_config")).get("image_size"))
    prepared = _prepared(processor)
    sizes = dict.fromkeys(size for size in (prepared, trained, _fallback(processor)) if size)
    return tuple(sizes) or (FREE, _USUAL)


def _prepared(processor: Mapping[str, Any]) -> Size | None:
    """Return the size of what the image processor returns; free if it depends on the picture."""
    if not processor:
        return None
    if processor.get("do_pad", True) and (padded := _pair(processor.get("pad_size"))):
        return padded
    if _crops(processor) and (crop := _pair(processor.get("crop_size"))):
        return crop
    size = processor.get("size")
    fixed = _pair(size) if processor.get("do_resize", True) else None
    return fixed or FREE


def _crops(processor: Mapping[str, Any]) -> bool:
    return bool(processor.get("do_center_crop", "crop_size" in processor)) and "crop_pct" not in processor


def _fallback(processor: Mapping[str, Any]) -> Size | None:
    """Return a square of the shortest edge."""
    size = _mapping(processor.get("size"))
    edge: Any = size.get("shortest_edge") or size.get("longest_edge")
    return (edge, edge) if _is_side(edge) else None


def _pair(value: Any) -> Size | None:
    sides = list(_sides(value))
    if len(sides) != 2 or not all(map(_is_side, sides)):
        return None
    return int(sides[0]), int(sides[1])


def _sides(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from (value[key] for key in ("height", "width") if key in value)
    elif isinstance(value, list):
        yield from value
    elif _is_side(value):
        yield from (value, value)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 16_384


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
