"""The part of a pipeline's result that is drawn, decided by names and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.drawing.texts import with_score
from turnout_vision.labels.label import Label
from turnout_vision.maps.class_share import ClassShare
from turnout_vision.regions.region_results import RegionResult, picture_texts, picture_values, region_results
from turnout_vision.text_reading.text_line import TextLine

# Of a picture there is a line for them; of a region the best one.
_MOST_LABELS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything that is drawn on a picture [height, width].

    Attributes:
        regions: boxes, masks and texts.
        class_map: integers [height, width], below 0 where there is no class.
        classes: the classes of ``class_map`` for the legend, in their order.
        depth: floats [height, width].
        lines: texts that were read in the picture, with their polygons.
        footer: lines about the whole picture.
    """

    regions: Sequence[RegionResult] = ()
    class_map: NDArray[Any] | None = None
    classes: Sequence[ClassShare] = ()
    depth: NDArray[Any] | None = None
    lines: Sequence[TextLine] = ()
    footer: Sequence[str] = ()


def find_findings(result: Mapping[str, Any]) -> Findings:
    """Return what is drawn of a pipeline's ``result``, which has a ``picture`` UINT8 [height, width, 3]."""
    size = result["picture"].shape[:2]
    classes, lines = result.get("classes"), result.get("text_lines")
    return Findings(
        regions=region_results(result),
        class_map=_map_of(result.get("class_map"), size, "iu"),
        classes=[each for each in classes if isinstance(each, ClassShare)] if isinstance(classes, list) else (),
        depth=_map_of(result.get("depth"), size, "f"),
        lines=[each for each in lines if isinstance(each, TextLine)] if isinstance(lines, list) else (),
        footer=list(_footer(result)),
    )


def texts_of(result: RegionResult) -> list[str]:
    """Return the lines of a region's label, without repetitions."""
    region = result.region
    first = with_score(region.label, region.score) if region else ""
    best = (with_score(value[0].label, value[0].score) for value in result.values.values() if _are_labels(value))
    # A caption that repeats the label adds nothing to it.
    others = [text for text in result.texts.values() if region is None or text != region.label]
    return [text for text in dict.fromkeys((first, *others, *best)) if text]


def _footer(result: Mapping[str, Any]) -> Iterator[str]:
    for name, text in picture_texts(result).items():
        if text:
            yield f"{name}: {text}"
    for name, value in picture_values(result).items():
        if _are_labels(value):
            yield f"{name}: " + ", ".join(with_score(each.label, each.score) for each in value[:_MOST_LABELS])


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Label) for each in value)


def _map_of(value: Any, size: tuple[int, int], kinds: str) -> NDArray[Any] | None:
    """Return ``value`` if it is a map of the picture; a step of another plugin may use the name for anything."""
    return value if isinstance(value, np.ndarray) and value.shape == size and value.dtype.kind in kinds else None
