"""The merging of requests: each caller gets its own rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_triton.server.hosted.request_merging import run_each, run_merged


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


def check_rows(requests, outcomes) -> None:
    for request, outcome in zip(requests, outcomes, strict=True):
        assert np.array_equal(outcome["y"], request["x"] * 2)
        assert outcome["y"].dtype == request["x"].dtype


@given(REQUESTS, st.integers(0, 9))
def test_each_request_gets_its_own_rows(shapes, seed) -> None:
    requests = requests_of(shapes, seed)

    check_rows(requests, run_merged(requests, double))


def test_mixed_up_rows_would_be_detected() -> None:
    requests = requests_of([(1, 2, "f4"), (2, 2, "f4")], 0)

    outcomes = run_merged(requests, lambda arrays: {"y": double(arrays)["y"][::-1]})

    with pytest.raises(AssertionError):
        check_rows(requests, outcomes)


def test_requests_of_one_shape_are_run_once() -> None:
    runs = []

    run_merged(
        [{"x": np.ones((rows, 2))} for rows in (1, 2, 3)], lambda arrays: runs.append(len(arrays["x"])) or double(arrays)
    )

    assert runs == [6]


def test_only_the_bad_request_fails() -> None:
    outcomes = run_merged([{"x": np.full((1, 1), value)} for value in (1, -1, 3)], refuse_negative)

    assert [one if isinstance(one, Exception) else one["y"].item() for one in outcomes] == [2, outcomes[1], 6]
    assert str(outcomes[1]) == "negative"


@pytest.mark.parametrize("output", [np.zeros(()), np.zeros((1, 2))], ids=["rank 0", "one row"])
def test_requests_whose_output_lacks_rows_are_run_one_by_one(output) -> None:
    runs = []

    run_merged([{"x": np.ones((1, 2))}] * 3, lambda arrays: runs.append(len(arrays["x"])) or {"y": output})

    assert runs == [3, 1, 1, 1]


def test_without_a_batch_axis_nothing_is_merged() -> None:
    runs = []

    run_each([{"x": np.ones(2)}] * 2, lambda arrays: runs.append(arrays["x"].shape) or double(arrays))

    assert runs == [(2,), (2,)]
