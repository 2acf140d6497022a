"""The JSON line of one picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import PipelineResult
from turnout_vision.findings import Finding, findings_of, texts_of

Record = dict[str, Any]


def record_of(result: PipelineResult, *, rle: bool = False) -> Record:
    """Return what ``result`` says, as JSON can hold it; with ``rle`` masks come run-length encoded as well."""
    return {
        "ok": not result.failures,
        **texts_of(result),
        "regions": [_region(finding, rle) for finding in findings_of(result)],
        "failures": [
            {"step": failure.step, "region": failure.index, "error": str(failure.error)} for failure in result.failures
        ],
    }


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Return ``mask`` as COCO's uncompressed run lengths: column by column, beginning with how many are outside."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


def _region(finding: Finding, rle: bool) -> Record:  # noqa: FBT001  # passed on
    region = finding.region
    record: Record = {"box": list(region.box) if region else None}
    if region and region.label is not None:
        record["label"] = region.label
    record.update(finding.texts)
    if finding.mask is not None:
        record["mask"] = {"area": int(finding.mask.sum()), "box": _bounds(finding.mask)}
        if rle:
            record["mask"]["rle"] = run_lengths(finding.mask)
    return record


def _bounds(mask: NDArray[np.bool_]) -> list[int] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
