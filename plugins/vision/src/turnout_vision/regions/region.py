"""Regions of a picture: boxes in pixels, parsed one by one, and their crops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError, suggestion
from turnout_vision.brief_text import brief

# Beyond max_regions each region is reported by its index; beyond this all are refused before any is read.
MOST_GIVEN = 10
MAX_LABEL = 1_000
_SIDES = 4
_FORM = "write [left, top, right, bottom] in pixels of the upright picture"


@dataclass(frozen=True, slots=True)
class Region:
    """A box in pixels of the upright picture; ``right`` and ``bottom`` are exclusive.

    Attributes:
        label: the class of what is in it, or any text.
        score: how sure a detector is of it, usually 0 to 1.
    """

    left: int
    top: int
    right: int
    bottom: int
    label: str | None = None
    score: float | None = None

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom

    def __json__(self) -> dict[str, Any]:
        """Return the region in types of JSON, as ``parse_regions`` reads it."""
        optional = {"label": self.label, "score": self.score}
        return {"box": list(self.box)} | {name: value for name, value in optional.items() if value is not None}

    def with_margin(self, margin: float, height: int, width: int) -> Region:
        """Return a copy with ``margin`` times its larger side added on each side, clipped to the picture."""
        extra = math.ceil(margin * max(self.right - self.left, self.bottom - self.top))
        return replace(
            self,
            left=max(0, self.left - extra),
            top=max(0, self.top - extra),
            right=min(width, self.right + extra),
            bottom=min(height, self.bottom + extra),
        )


def whole_picture(height: int, width: int) -> Region:
    """Return the region of a whole picture."""
    return Region(0, 0, width, height)


def crop(picture: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """Return the part of ``picture`` [height, width, 3] inside ``region``, a view without a copy."""
    return picture[region.top : region.bottom, region.left : region.right]


def parse_regions(value: Any, height: int, width: int, *, max_regions: int) -> list[Region | InvalidInputError]:
    """Return a region, or its error, for each box in ``value``; the whole picture if there are no boxes.

    ``value`` is a sequence, an array [n, 4], or ``{"regions": [...]}``. Each item is a box of four numbers, a mapping with
    ``box`` and optionally ``label`` and ``score``, or a Region. A box is clipped to the picture and rounded outwards to whole
    pixels.

    Raises:
        InvalidInputError: ``value`` has another form.
    """
    items = _list_items(value, MOST_GIVEN * max_regions)
    if not items:
        return [whole_picture(height, width)]
    return [_parse(item, index, height, width, max_regions) for index, item in enumerate(items)]


def _list_items(value: Any, most: int) -> Sequence[Any]:
    if isinstance(value, Mapping):
        if "regions" not in value:
            raise InvalidInputError(
                f"regions have the keys {brief(list(value))}, not 'regions'; write {{'regions': [{{'box': [...]}}]}}"
            )
        value = value["regions"]
    if isinstance(value, Sequence | np.ndarray) and not _is_scalar(value):
        _check_count(len(value), most)
        value = list(value)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidInputError(f"regions are {brief(value)} (type {type(value).__name__}); give a list of boxes: {_FORM}")
    if value and all(isinstance(item, Real) for item in value):
        raise InvalidInputError(
            f"regions are {brief(value)}, numbers; give a list of boxes, even for one box: [[left, top, right, bottom]]"
        )
    return value


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bytes) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise InvalidInputError(
            f"{count} regions are given, the most is {most}: give fewer, or raise max_regions of load_image"
        )


def _parse(item: Any, index: int, height: int, width: int, max_regions: int) -> Region | InvalidInputError:
    try:
        if index >= max_regions:
            raise InvalidInputError(f"the limit is {max_regions} regions of a picture; raise max_regions of load_image")
        if isinstance(item, Region):
            box, label, score = list(map(float, item.box)), item.label, item.score
        else:
            box, label, score = _read_numbers(_find_box(item)), _read_label(item), _read_score(item)
        return replace(clip_box(box, height, width), label=label, score=score)
    except InvalidInputError as error:
        return InvalidInputError(f"region {index}: {error}")


def _find_box(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    if "box" not in item:
        keys = [str(key)[:40] for key in islice(item, 10)]
        raise InvalidInputError(f"it has the keys {', '.join(keys) or 'none'}, not 'box'; {_FORM}.{suggestion('box', keys)}")
    return item["box"]


def _read_label(item: Any) -> str | None:
    label = item.get("label") if isinstance(item, Mapping) else None
    if isinstance(label, str) and len(label) > MAX_LABEL:
        raise InvalidInputError(f"label {brief(label)} has {len(label)} characters; the limit is {MAX_LABEL}")
    if label is None or isinstance(label, str):
        return label
    raise InvalidInputError(f"label {brief(label)} (type {type(label).__name__}) is not text; write text")


def _read_score(item: Any) -> float | None:
    score = item.get("score") if isinstance(item, Mapping) else None
    if score is None:
        return None
    if not isinstance(score, Real) or isinstance(score, bool | np.bool_) or not _is_finite(score):
        raise InvalidInputError(f"score {brief(score)} (type {type(score).__name__}) is not a finite number; write a number")
    return float(score)


def _read_numbers(box: Any) -> list[float]:
    if isinstance(box, np.ndarray) and box.size == _SIDES:
        box = box.tolist()
    if not isinstance(box, Sequence) or isinstance(box, str | bytes) or len(box) != _SIDES:
        raise InvalidInputError(f"box {brief(box)} does not have four numbers; {_FORM}")
    for number in box:
        if not isinstance(number, Real) or isinstance(number, bool | np.bool_):
            raise InvalidInputError(f"box {brief(box)} contains {brief(number, 20)} (type {type(number).__name__}); {_FORM}")
        if not _is_finite(number):
            raise InvalidInputError(f"box {brief(box)} contains {brief(number, 20)}; {_FORM}")
    return [float(number) for number in box]


def _is_finite(number: Real) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer that no float holds
        return False


def clip_box(box: Sequence[float], height: int, width: int) -> Region:
    """Return the region of ``box``, four finite numbers in pixels, clipped to the picture and rounded outwards.

    Raises:
        InvalidInputError: the box is inverted, empty or outside the picture.
    """
    # Rounded outwards, so that a box of less than one pixel still has one.
    left, top, right, bottom = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    shown = f"box {brief(list(box), 80)}"
    if box[2] < box[0] or box[3] < box[1]:
        raise InvalidInputError(f"{shown} is inverted: right is less than left, or bottom is less than top; {_FORM}")
    if right <= left or bottom <= top:
        raise InvalidInputError(f"{shown} is empty; {_FORM}")
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        raise InvalidInputError(f"{shown} is outside the picture, which is {width} x {height} (width x height); {_FORM}")
    return Region(max(0, left), max(0, top), min(width, right), min(height, bottom))
