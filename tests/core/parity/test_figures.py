from __future__ import annotations

import numpy as np
import pytest

from turnout.parity import Fault, Tolerance, Tolerances, Verdict, compare


def square(low: int, high: int, rows: int = 1) -> np.ndarray:
    logits = np.full((rows, 1, 20, 20), -4.0, np.float32)
    logits[:, :, low:high, low:high] = 4.0
    return logits


def test_the_iou_of_masks_is_that_of_logits_above_zero() -> None:
    found = compare({"y": square(0, 10)}, {"y": square(0, 9)}, Tolerances(Tolerance(iou=0.8))).outputs["y"]

    assert found.iou == pytest.approx(0.81)
    assert found.verdict is Verdict.MATCH


def test_a_mask_below_the_iou_is_a_mismatch() -> None:
    found = compare({"y": square(0, 10)}, {"y": square(0, 9)}, Tolerances(Tolerance(iou=0.9))).outputs["y"]

    assert found.fault is Fault.WHOLE
    assert found.text == "output 'y' has an IoU of 0.81; the tolerance requires 0.9 or more"


def test_one_bad_mask_is_not_hidden_by_seven_good_ones() -> None:
    masks, other = square(0, 10, rows=8), square(0, 10, rows=8)
    other[5] = square(10, 20)[0]

    assert compare({"y": masks}, {"y": other}, Tolerances(Tolerance(iou=0.8))).outputs["y"].iou == 0.0


def test_two_empty_masks_are_equal() -> None:
    assert compare({"y": square(0, 0)}, {"y": square(0, 0)}, Tolerances(Tolerance(iou=1.0))).verdict is Verdict.MATCH


def test_the_threshold_of_probabilities_can_be_given() -> None:
    mask = np.array([[[0.6, 0.4, 0.9]]], np.float32)

    assert compare({"y": mask}, {"y": mask[..., ::-1]}, Tolerances(Tolerance(iou=0.1, threshold=0.5))).outputs["y"].iou == 1.0
    assert compare({"y": mask}, {"y": mask * 0.8}, Tolerances(Tolerance(iou=0.1, threshold=0.5))).outputs["y"].iou == 0.5


def test_bool_masks_have_an_iou_without_a_tolerance_for_it() -> None:
    assert compare({"y": square(0, 10) > 0}, {"y": square(0, 9) > 0}).outputs["y"].iou == pytest.approx(0.81)


def test_the_argmax_of_scores_is_compared() -> None:
    scores = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)
    other = np.array([[0.6, 0.4], [0.8, 0.2]], np.float32)

    found = compare({"y": scores}, {"y": other}, Tolerances(Tolerance(argmax=1.0))).outputs["y"]

    assert (found.argmax_agreement, found.fault) == (0.5, Fault.WHOLE)
    assert compare({"y": scores}, {"y": scores * 2}, Tolerances(Tolerance(argmax=1.0))).verdict is Verdict.MATCH


def test_the_cosine_ignores_length_and_sees_direction() -> None:
    vector = np.array([[3.0, 4.0, 0.0]], np.float32)

    longer = compare({"y": vector}, {"y": vector * 2}, Tolerances(Tolerance(cosine=0.999))).outputs["y"]
    turned = compare({"y": vector}, {"y": vector[:, ::-1]}, Tolerances(Tolerance(cosine=0.999))).outputs["y"]

    assert (longer.cosine, longer.fault) == (pytest.approx(1.0), None)
    assert (turned.cosine, turned.fault) == (pytest.approx(0.64), Fault.WHOLE)


def test_vectors_of_zeros_have_a_cosine() -> None:
    zeros = np.zeros((1, 3), np.float32)

    assert compare({"y": zeros}, {"y": zeros}).outputs["y"].cosine == 1.0
    assert compare({"y": zeros}, {"y": zeros + 1}).outputs["y"].cosine == 0.0


def test_very_large_numbers_have_a_cosine() -> None:
    large = np.array([[1e30, -2e30]], np.float32)

    assert compare({"y": large}, {"y": large}).outputs["y"].cosine == pytest.approx(1.0)


def test_a_share_of_mismatches_can_be_allowed() -> None:
    values = np.zeros(100, np.float32)
    other = values.copy()
    other[:5] = 1.0

    assert compare({"y": values}, {"y": other}, Tolerances(Tolerance(mismatched=0.05))).verdict is Verdict.MATCH
    assert compare({"y": values}, {"y": other}, Tolerances(Tolerance(mismatched=0.04))).verdict is Verdict.MISMATCH


def test_a_relative_error_near_zero_is_that_of_atol() -> None:
    found = compare({"y": np.float32([0.0, 2.0])}, {"y": np.float32([1e-5, 2.0])}).outputs["y"]

    assert found.max_rel_error == pytest.approx(0.1)
    assert found.excess == pytest.approx(0.1)


def test_a_tolerance_of_nothing_takes_equal_values_only() -> None:
    values, exact = np.float32([0.0, 2.0]), Tolerances(Tolerance(rtol=0.0, atol=0.0))

    assert compare({"y": values}, {"y": values}, exact).verdict is Verdict.MATCH
    assert compare({"y": values}, {"y": np.float32([1e-30, 2.0])}, exact).verdict is Verdict.MISMATCH
