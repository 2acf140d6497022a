"""Results by region: everything that the steps of a pipeline wrote about one region of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.regions.region import Region

_SINGULAR = {
    "captions": "caption",
    "answers": "answer",
    "masks": "mask",
    "classifications": "classification",
    "embeddings": "embedding",
}


@dataclass(frozen=True, slots=True, eq=False)
class RegionResult:
    """The results of all steps for one region.

    Attributes:
        region: the box; None if it was wrong.
        texts: captions, answers and other texts by name; None where one failed.
        mask: BOOL [height, width] of the picture, or None.
        values: everything else that a step wrote about the region, by name.
    """

    region: Region | None
    texts: Mapping[str, str | None] = field(default_factory=dict)
    mask: NDArray[np.bool_] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def region_results(result: Mapping[str, Any]) -> list[RegionResult]:
    """Return one result per region, from every list in a pipeline's ``result`` that has a value for each of ``regions``."""
    regions = result.get("regions")
    if not isinstance(regions, list):
        return []
    columns = {
        _SINGULAR.get(name, name): values
        for name, values in result.items()
        if name != "regions" and _is_per_region(values, len(regions))
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


def picture_values(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what steps wrote about the whole picture that is neither a text nor the picture itself."""
    regions = result.get("regions")
    count = len(regions) if isinstance(regions, list) else -1
    elsewhere = {"image", "picture", "regions", *picture_texts(result)}
    return {
        name: value
        for name, value in result.items()
        if name not in elsewhere
        # These are in the results of the regions.
        and not _is_per_region(value, count)
    }


def _region_result(region: Any, row: Mapping[str, Any]) -> RegionResult:
    masks = [name for name, value in row.items() if _is_mask(value)][:1]
    texts = {name: value for name, value in row.items() if name != "mask" and (value is None or isinstance(value, str))}
    values = {name: value for name, value in row.items() if name not in (*texts, *masks, "mask")}
    mask = row[masks[0]] if masks else None
    return RegionResult(region if isinstance(region, Region) else None, texts, mask, values)


def _is_per_region(value: Any, count: int) -> bool:
    # The five best labels of a picture with five regions are not about the regions.
    return isinstance(value, list) and len(value) == count and not any(getattr(item, "is_part", False) for item in value)


def _is_mask(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2
