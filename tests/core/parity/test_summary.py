from __future__ import annotations

import numpy as np
import pytest

from turnout.errors import InferenceError
from turnout.parity import ParitySummary, Verdict, compare, parity_of_error

ZEROS = np.zeros((2, 4), np.float32)


def summary_of(*offsets: float) -> ParitySummary:
    summary = ParitySummary()
    for offset in offsets:
        summary.add(compare({"y": ZEROS}, {"y": ZEROS + np.float32(offset)}))
    return summary


def test_one_mismatch_among_many_decides() -> None:
    summary = summary_of(0, 0, 1, 0)

    assert (summary.verdict, summary.counts[Verdict.MATCH]) == (Verdict.MISMATCH, 3)
    assert (summary.outputs["y"].compared, summary.outputs["y"].mismatches, summary.outputs["y"].mismatched) == (4, 1, 8)


def test_the_figures_are_the_greatest_and_the_mean_of_all() -> None:
    output = summary_of(0, 1, 3, 0).outputs["y"]

    assert (output.max_abs_error, output.mean_abs_error) == (3.0, pytest.approx(1.0))
    assert output.cosine == 0.0


def test_the_worst_is_in_the_text() -> None:
    summary = ParitySummary()

    worst = [summary.add(compare({"y": ZEROS}, {"y": ZEROS + np.float32(offset)})) for offset in (0, 1, 3, 2)]

    assert worst == [True, True, True, False]
    assert "3, expected 0" in summary.text


def test_a_failed_request_is_worse_than_any_difference() -> None:
    summary = summary_of(0)

    summary.add(parity_of_error(InferenceError("the model broke")))

    assert (summary.verdict, summary.text) == (Verdict.ERROR, "the model broke")
    assert summary.as_json()["counts"] == {"match": 1, "error": 1}


def test_no_comparison_is_an_error() -> None:
    assert ParitySummary().verdict is Verdict.ERROR
