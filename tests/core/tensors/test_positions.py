"""Triton's conventions for the names of a TorchScript model's tensors."""

from __future__ import annotations

import pytest

from turnout.tensors.positions import input_positions, output_positions


@pytest.mark.parametrize(
    ("names", "positions"),
    [
        (["b", "a"], {"b": 1, "a": 0}),
        (["second__1", "first__0"], {"second__1": 1, "first__0": 0}),
        (["one", "two"], {"one": 0, "two": 1}),
        (["a", "other"], {"a": 0, "other": 1}),
    ],
    ids=["arguments", "numbers", "order", "mixed"],
)
def test_inputs_are_found(names, positions) -> None:
    assert input_positions(names, ["a", "b"]) == positions


@pytest.mark.parametrize("names", [["x__2"], ["x__0", "y__0"], ["x", "y", "z"]])
def test_inputs_that_fit_no_argument_are_refused(names) -> None:
    with pytest.raises(ValueError, match=r"forward takes \['a', 'b'\]"):
        input_positions(names, ["a", "b"])


def test_outputs_are_found_by_number_or_order() -> None:
    assert output_positions(["y__1", "x__0"]) == {"y__1": 1, "x__0": 0}
    assert output_positions(["y", "x"]) == {"y": 0, "x": 1}


@pytest.mark.parametrize(
    ("names", "positions"),
    [
        (["soft__mask__1", "image__0"], {"soft__mask__1": 0, "image__0": 1}),
        (["y___1", "x___0"], {"y___1": 0, "x___0": 1}),
        (["y__1_of_2", "x__0_of_2"], {"y__1_of_2": 0, "x__0_of_2": 1}),
    ],
    ids=["another separator first", "three underscores", "more behind the number"],
)
def test_numbers_are_read_where_tritons_own_backend_reads_them(names, positions) -> None:
    assert output_positions(names) == positions
