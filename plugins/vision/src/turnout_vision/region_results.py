"""Results by region: everything that the steps of a pipeline wrote about one region of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.regions import Region

_SINGULAR = {"captions": "caption", "answers": "answer", "masks": "mask"}


@dataclass(frozen=True, slots=True, eq=False)
class RegionResult:
    """The results of all steps for one region.

    Attributes:
        region: the box; None if it was wrong.
        texts: captions, answers and other texts by name; None where one failed.
        mask: BOOL [height, width] of the picture, or None.
    """

    region: Region | None
    texts: Mapping[str, str | None] = field(default_factory=dict)
    mask: NDArray[np.bool_] | None = None


def region_results(result: Mapping[str, Any]) -> list[RegionResult]:
    """Return one result per region, from every list in a pipeline's ``result`` that is as long as ``regions``."""
    regions = result.get("regions")
    if not isinstance(regions, list):
        return []
    columns = {
        _SINGULAR.get(name, name): values
        for name, values in result.items()
        if name != "regions" and isinstance(values, list) and len(values) == len(regions)
    }
    return [
        _region_result(region, {name: values[index] for name, values in columns.items()})
        for index, region in enumerate(regions)
    ]


def picture_texts(result: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the texts of ``result`` about the whole picture, such as ``caption``, ``answer`` and ``question``."""
    # A caption or an answer that failed is None and is kept: its failure is part of the result.
    names = ("caption", "answer")
    return {name: value for name, value in result.items() if name != "image" and (isinstance(value, str) or name in names)}


def _region_result(region: Any, row: Mapping[str, Any]) -> RegionResult:
    masks = (value for value in row.values() if isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2)
    texts = {name: value for name, value in row.items() if name != "mask" and (value is None or isinstance(value, str))}
    return RegionResult(region if isinstance(region, Region) else None, texts, next(masks, None))
