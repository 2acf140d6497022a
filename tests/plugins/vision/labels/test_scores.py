from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InferenceError
from turnout_vision.labels.scores import check_logits, sigmoid, softmax, unchanged

LOGITS = st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=20).map(
    lambda values: np.array(values, np.float32)
)


@given(LOGITS)
def test_a_softmax_of_any_logits_is_a_distribution_in_their_order(logits: np.ndarray) -> None:
    scores = softmax(logits)

    assert scores.sum() == pytest.approx(1)
    assert (np.diff(scores[np.argsort(logits, kind="stable")]) >= 0).all()


@given(LOGITS)
def test_a_sigmoid_of_any_logits_is_between_0_and_1_and_symmetric(logits: np.ndarray) -> None:
    assert ((sigmoid(logits) >= 0) & (sigmoid(logits) <= 1)).all()
    np.testing.assert_allclose(sigmoid(logits) + sigmoid(-logits), 1)


def test_known_values() -> None:
    logits = np.array([0, np.log(3)], np.float32)

    np.testing.assert_allclose(softmax(logits), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(sigmoid(logits), [0.5, 0.75], rtol=1e-6)
    np.testing.assert_array_equal(unchanged(logits), logits)


def test_minus_infinity_is_a_score_of_0() -> None:
    logits = np.array([-np.inf, 1], np.float32)

    check_logits(logits, "pets")

    assert softmax(logits).tolist() == [0, 1]
    assert sigmoid(logits)[0] == 0


@pytest.mark.parametrize(
    ("logits", "shown"),
    [([1, np.nan], "nan for class 1"), ([np.inf, 1], "inf for class 0"), ([-np.inf, -np.inf], "-inf for class 0")],
)
def test_logits_without_an_order_are_refused(logits: list[float], shown: str) -> None:
    with pytest.raises(InferenceError, match=f"model 'pets' gave the logit {shown}"):
        check_logits(np.array(logits, np.float32), "pets")
