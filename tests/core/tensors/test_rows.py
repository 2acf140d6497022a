from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.tensors.rows import RowProof, affordable_size, batch_sizes, prove_rows, stack_rows

Arrays = Mapping[str, NDArray[Any]]
ROWS = [{"x": np.array([[value, value * 2.0]], np.float32)} for value in (1.0, 5.0, 7.0)]


def close(_: str, expected: NDArray[Any], actual: NDArray[Any]) -> bool:
    return bool(np.allclose(expected, actual))


def prove(function: Callable[[NDArray[Any]], NDArray[Any]], largest: int = 8) -> RowProof:
    return prove_rows(lambda inputs: {"y": function(inputs["x"])}, ROWS, largest, close)


def test_independent_rows_are_proved_in_three_sizes() -> None:
    assert prove(lambda x: x * 2) == RowProof((2, 3, 8))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x @ x.T, "axis 1 depends on the other rows"),
        (lambda x: x.sum(axis=0), "it has no row for each request"),
        (lambda x: x.mean(), "it has no row for each request"),
        (lambda x: x[:1], "it has no row for each request"),
        (lambda x: x.reshape(-1, 1), "it has no row for each request"),
        (lambda x: (x - x.mean(0)) / (x.std(0) + 1), "row 0 of output 'y' differs alone and in a batch of 2, by up to"),
        (lambda x: np.flip(np.sort(x, axis=0), axis=0), "row 0 of output 'y' differs"),
        (lambda x: np.where(len(x) > 4, x + 1, x), "row 0 of output 'y' differs alone and in a batch of 8, by up to 1"),
        (lambda x: np.pad(x, ((0, 0), (0, int(x.max()) % 7))), "axis 1 depends on the other rows"),
    ],
)
def test_a_dependence_between_rows_is_found(function: Callable[[NDArray[Any]], NDArray[Any]], text: str) -> None:
    assert text in prove(function).text


def test_a_difference_that_only_the_last_row_of_a_batch_has_is_found() -> None:
    assert (
        "row 2 of output 'y' differs alone and in a batch of 3"
        in prove(lambda x: np.where(np.arange(len(x))[:, None] < 2, x, 0)).text
    )


def test_random_answers_are_not_called_a_dependence() -> None:
    random = np.random.default_rng(0)

    assert "changes from call to call" in prove(lambda x: x + random.standard_normal(x.shape)).text


@pytest.mark.parametrize(("largest", "sizes"), [(0, ()), (1, ()), (2, (2,)), (3, (2, 3)), (4, (2, 3, 4)), (64, (2, 3, 64))])
def test_batch_sizes(largest: int, sizes: tuple[int, ...]) -> None:
    assert batch_sizes(largest) == sizes


def test_a_batch_that_would_take_too_long_or_too_much_memory_is_smaller() -> None:
    large = [{"x": np.zeros((1, 32 << 20), np.float32)}]

    assert affordable_size(64, ROWS, 1.0, 10.0) == 10
    assert affordable_size(64, large, 0.0) == 4
    assert affordable_size(64, ROWS, 100.0) == 3


def test_a_batch_with_more_rows_than_there_are_repeats_them() -> None:
    assert stack_rows(ROWS, 4)["x"][:, 0].tolist() == [1, 5, 7, 1]
