"""The record of one picture: the results of a pipeline in types of JSON, one line of ``turnout run``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import PipelineResult, StepFailure
from turnout_vision.masks import bounding_box
from turnout_vision.region_results import RegionResult, picture_texts, region_results

PictureRecord = dict[str, Any]


def picture_record(result: PipelineResult, *, rle: bool = False) -> PictureRecord:
    """Return ``result`` in types of JSON; with ``rle`` every mask is included as run lengths."""
    return {
        "ok": not result.failures,
        **picture_texts(result),
        "regions": [_region_record(each, rle) for each in region_results(result)],
        "failures": [_failure_record(failure) for failure in result.failures],
    }


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Return ``mask`` as COCO's uncompressed run lengths: column by column, beginning with the count of False."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


def _failure_record(failure: StepFailure) -> PictureRecord:
    arm = {name: value for name in ("model", "backend") if (value := getattr(failure, name)) is not None}
    return {"step": failure.step, "region": failure.index, **arm, "error": str(failure.error)}


def _region_record(result: RegionResult, rle: bool) -> PictureRecord:  # noqa: FBT001  # passed on
    region = result.region
    record: PictureRecord = {"box": list(region.box) if region else None}
    if region and region.label is not None:
        record["label"] = region.label
    record.update(result.texts)
    if result.mask is not None:
        box = bounding_box(result.mask)
        record["mask"] = {"area": int(result.mask.sum()), "box": list(box) if box else None}
        if rle:
            record["mask"]["rle"] = run_lengths(result.mask)
    return record
