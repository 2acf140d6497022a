"""Each caller gets its own rows, whatever is merged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_triton.server.hosted.batching import answer_all, answer_each


def double(arrays):
    return {"y": arrays["x"] * 2}


def refuse_negative(arrays):
    if (arrays["x"] < 0).any():
        raise ValueError("negative")
    return double(arrays)


REQUESTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(["f4", "i8"])), max_size=8)


def requests_of(shapes, seed):
    random = np.random.default_rng(seed)
    return [{"x": random.integers(0, 9, (rows, width)).astype(dtype)} for rows, width, dtype in shapes]


def check_rows(requests, answers) -> None:
    for request, answer in zip(requests, answers, strict=True):
        assert np.array_equal(answer["y"], request["x"] * 2)
        assert answer["y"].dtype == request["x"].dtype


@given(REQUESTS, st.integers(0, 9))
def test_each_request_gets_its_own_rows(shapes, seed) -> None:
    requests = requests_of(shapes, seed)

    check_rows(requests, answer_all(requests, double))


def test_rows_that_were_mixed_up_would_be_noticed() -> None:
    requests = requests_of([(1, 2, "f4"), (2, 2, "f4")], 0)

    answers = answer_all(requests, lambda arrays: {"y": double(arrays)["y"][::-1]})

    with pytest.raises(AssertionError):
        check_rows(requests, answers)


def test_requests_of_one_shape_are_run_once() -> None:
    runs = []

    answer_all(
        [{"x": np.ones((rows, 2))} for rows in (1, 2, 3)], lambda arrays: runs.append(len(arrays["x"])) or double(arrays)
    )

    assert runs == [6]


def test_only_the_guilty_fail() -> None:
    answers = answer_all([{"x": np.full((1, 1), value)} for value in (1, -1, 3)], refuse_negative)

    assert [answer if isinstance(answer, Exception) else answer["y"].item() for answer in answers] == [2, answers[1], 6]
    assert str(answers[1]) == "negative"


@pytest.mark.parametrize("output", [np.zeros(()), np.zeros((1, 2))], ids=["rank 0", "one row"])
def test_an_output_without_a_row_for_each_is_asked_one_by_one(output) -> None:
    runs = []

    answer_all([{"x": np.ones((1, 2))}] * 3, lambda arrays: runs.append(len(arrays["x"])) or {"y": output})

    assert runs == [3, 1, 1, 1]


def test_without_a_batch_axis_nothing_is_merged() -> None:
    runs = []

    answer_each([{"x": np.ones(2)}] * 2, lambda arrays: runs.append(arrays["x"].shape) or double(arrays))

    assert runs == [(2,), (2,)]
