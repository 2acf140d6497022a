from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InferenceError
from turnout_vision.vectors.pooling import normalize, pool

TOKENS = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
PLACES = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("values", "how", "prefix", "expected"),
    [
        (TOKENS[:, 0], None, 0, TOKENS[0, 0]),
        (TOKENS[:, 0], "mean", 0, TOKENS[0, 0]),
        (PLACES[:, :, :1, :1], None, 0, PLACES[0, :, 0, 0]),
        (TOKENS, "cls", 0, TOKENS[0, 0]),
        (TOKENS, "mean", 0, TOKENS[0].mean(axis=0)),
        (TOKENS, "mean", 1, TOKENS[0, 1:].mean(axis=0)),
        (PLACES, "mean", 0, PLACES[0].mean(axis=(1, 2))),
    ],
)
def test_features_of_any_form_become_one_vector(values: np.ndarray, how: str | None, prefix: int, expected: np.ndarray) -> None:
    vector = pool(values, how, prefix, model="dino")

    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, expected)


@pytest.mark.parametrize(
    ("values", "how", "prefix", "message"),
    [
        (TOKENS, None, 0, r"FP32 \[1, 4, 6\], and one vector is needed: write `pool: cls` or `pool: mean`"),
        (PLACES, None, 0, r"FP32 \[1, 2, 3, 4\], .*write `pool: cls` or `pool: mean`"),
        (PLACES, "cls", 0, "`pool: cls` does not fit"),
        (PLACES[np.newaxis], "mean", 0, "`pool: mean` does not fit"),
        (TOKENS, "mean", 4, "no token is left after prefix_tokens, 4"),
        (TOKENS.repeat(2, axis=0), "cls", 0, "name another output"),
        (TOKENS[0, 0], None, 0, "name another output"),
        (TOKENS[:, :0], "mean", 0, "name another output"),
    ],
)
def test_features_that_are_not_one_vector_are_refused(values: np.ndarray, how: str | None, prefix: int, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        pool(values, how, prefix, model="dino")


VECTORS = st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=1, max_size=9).filter(
    lambda all_: max(map(abs, all_)) > 1e-20
)


@given(VECTORS)
def test_a_normalized_vector_has_the_length_1_and_the_same_direction(numbers: list[float]) -> None:
    vector = np.array(numbers, np.float32)

    unit = normalize(vector, model="dino")

    assert unit.dtype == np.float32
    assert np.linalg.norm(unit.astype(np.float64)) == pytest.approx(1, abs=1e-6)
    assert float(unit.astype(np.float64) @ vector) == pytest.approx(float(np.linalg.norm(vector.astype(np.float64))), rel=1e-6)


@pytest.mark.parametrize("number", [0, np.nan, np.inf])
def test_a_vector_without_a_direction_is_refused(number: float) -> None:
    with pytest.raises(InferenceError, match="so it has no direction"):
        normalize(np.array([0, number], np.float32), model="dino")
