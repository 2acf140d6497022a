from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from turnout.parity import Tolerance, Tolerances, Verdict, compare
from turnout.parity.half_precision import half_precision_of

LOGITS = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)


def rounded(array: np.ndarray, dtype: object) -> np.ndarray:
    """Return what a model in half precision gives as FP32."""
    return array.astype(dtype).astype(np.float32)


@pytest.mark.parametrize(("dtype", "datatype"), [(np.float16, "FP16"), (ml_dtypes.bfloat16, "BF16")])
def test_values_of_half_precision_are_recognized(dtype, datatype) -> None:
    assert half_precision_of(rounded(LOGITS, dtype), rounded(LOGITS * 1.001, dtype)) == datatype


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LOGITS, rounded(LOGITS, np.float16)),
        (np.arange(999, dtype=np.float32), np.arange(999, dtype=np.float32)),
        (np.array([0.5, 0.25], np.float32), np.array([0.5, 0.375], np.float32)),
        (np.tile(np.float32([0.5, 0.25]), 500), np.tile(np.float32([0.5, 0.25]), 500)),
    ],
    ids=["one side only", "counts", "few", "few different"],
)
def test_other_values_are_not(one, other) -> None:
    assert half_precision_of(one, other) is None


def test_two_runtimes_in_half_precision_match_within_its_tolerance() -> None:
    near, far = LOGITS * 1.003, LOGITS * 1.05

    assert compare({"y": rounded(LOGITS, np.float16)}, {"y": rounded(near, np.float16)}).verdict is Verdict.MATCH
    assert compare({"y": rounded(LOGITS, np.float16)}, {"y": rounded(far, np.float16)}).verdict is Verdict.MISMATCH
    assert compare({"y": LOGITS}, {"y": near}).verdict is Verdict.MISMATCH


def test_a_tolerance_of_turnout_yaml_stays() -> None:
    strict = Tolerances(Tolerance(rtol=1e-5, atol=1e-5))

    parity = compare({"y": rounded(LOGITS, np.float16)}, {"y": rounded(LOGITS * 1.003, np.float16)}, strict)

    assert parity.verdict is Verdict.MISMATCH


def test_infinities_on_both_sides_do_not_hide_the_precision() -> None:
    one = rounded(LOGITS, np.float16)
    one[0, 0, 0, 0] = np.inf

    assert half_precision_of(one, one) == "FP16"
