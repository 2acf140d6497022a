"""The record of one picture: the results of a pipeline in types of JSON, one line of ``turnout run``."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import PipelineResult, StepFailure
from turnout.tensors import describe
from turnout_vision.regions.masks import bounding_box
from turnout_vision.regions.region_results import RegionResult, picture_texts, picture_values, region_results
from turnout_vision.runs.json_values import to_json
from turnout_vision.runs.map_files import is_map

PictureRecord = dict[str, Any]

_KEYS = frozenset({"image", "pipeline", "inputs", "ok", "error", "regions", "failures", "seconds", "saved"})


def picture_record(result: PipelineResult, *, rle: bool = False, given: Container[str] = ()) -> PictureRecord:
    """Return ``result`` in types of JSON; with ``rle`` every mask is included as run lengths.

    The values ``given`` by the caller are left out, except texts. A value of a step whose name is a key of the record gets an
    underscore behind it.
    """
    size = getattr(result.get("picture"), "shape", ())[:2]
    values = {name: _value_record(value, size) for name, value in picture_values(result).items() if name not in given}
    return {
        "ok": not result.failures,
        **{key_of(name): text for name, text in picture_texts(result).items()},
        **{key_of(name): value for name, value in values.items()},
        "regions": [_region_record(each, rle) for each in region_results(result)],
        "failures": [_failure_record(failure) for failure in result.failures],
    }


def key_of(name: str) -> str:
    """Return the key of a step's value ``name`` in a record."""
    return f"{name}_" if name in _KEYS else name


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Return ``mask`` as COCO's uncompressed run lengths: column by column, beginning with the count of False."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


def _rename(values: Mapping[str, Any], reserved: Container[str]) -> PictureRecord:
    return {f"{name}_" if name in reserved else name: value for name, value in values.items()}


def _value_record(value: Any, size: tuple[int, ...]) -> Any:
    """Return ``value`` in types of JSON; a map of the picture, such as its depth, as its least and its greatest number."""
    if not is_map(value, size):
        return to_json(value)
    known = value[np.isfinite(value)]
    least, most = (to_json(known.min()), to_json(known.max())) if known.size else (None, None)
    return {"array": describe(value), "least": least, "most": most}


def _failure_record(failure: StepFailure) -> PictureRecord:
    arm = {name: value for name in ("model", "backend") if (value := getattr(failure, name)) is not None}
    return {"step": failure.step, "region": failure.index, **arm, "error": str(failure.error)}


def _region_record(result: RegionResult, rle: bool) -> PictureRecord:  # noqa: FBT001  # passed on
    region = result.region
    record: PictureRecord = {"box": list(region.box) if region else None}
    if region and region.label is not None:
        record["label"] = region.label
    if region and region.score is not None:
        record["score"] = region.score
    others = {name: to_json(value) for name, value in result.values.items()}
    record.update(_rename({**result.texts, **others}, ("box", "label", "score", "mask")))
    if result.mask is not None:
        box = bounding_box(result.mask)
        record["mask"] = {"area": int(np.count_nonzero(result.mask)), "box": list(box) if box else None}
        if rle:
            record["mask"]["rle"] = run_lengths(result.mask)
    return record
