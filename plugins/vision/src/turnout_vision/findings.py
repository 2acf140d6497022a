"""What a pipeline's result says of each region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.regions import Region

_ONE_OF = {"captions": "caption", "answers": "answer", "masks": "mask"}


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What was found in one region.

    Attributes:
        region: the box; None if it was wrong.
        texts: captions, answers and the like by name; None where one failed.
        mask: BOOL [height, width] of the picture, or None.
    """

    region: Region | None
    texts: Mapping[str, str | None] = field(default_factory=dict)
    mask: NDArray[np.bool_] | None = None


def findings_of(result: Mapping[str, Any]) -> list[Finding]:
    """Return a finding per region of a pipeline's ``result``, from every list in it that is as long as ``regions``."""
    regions = result.get("regions")
    if not isinstance(regions, list):
        return []
    columns = {
        _ONE_OF.get(name, name): values
        for name, values in result.items()
        if name != "regions" and isinstance(values, list) and len(values) == len(regions)
    }
    return [_finding(region, {name: values[index] for name, values in columns.items()}) for index, region in enumerate(regions)]


def texts_of(result: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the texts of ``result`` that are about the whole picture: ``caption``, ``answer``, the question."""
    names = ("caption", "answer")
    return {name: value for name, value in result.items() if name != "image" and (isinstance(value, str) or name in names)}


def _finding(region: Any, row: Mapping[str, Any]) -> Finding:
    masks = (value for value in row.values() if isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2)
    texts = {name: value for name, value in row.items() if name != "mask" and (value is None or isinstance(value, str))}
    return Finding(region if isinstance(region, Region) else None, texts, next(masks, None))
