"""Zeros that fit a signature."""

from __future__ import annotations

import pytest

from turnout.tensors import TensorSpec
from turnout.tensors.made_up import zeros_of


def test_zeros_have_the_datatype_and_the_shape_of_each_input() -> None:
    specs = [TensorSpec("x", "FP32", (-1, 2)), TensorSpec("s", "BYTES", (-1,)), TensorSpec("o", "INT64", (1,), optional=True)]

    made = zeros_of(specs, 100)

    assert made is not None
    assert made.keys() == {"x", "s"}
    assert all(spec.accepts(made[spec.name]) for spec in specs[:2])
    assert made["s"].tolist() == [b""]


def test_a_mask_of_tokens_hides_none_of_them() -> None:
    masks = [TensorSpec("attention_mask", "INT64", (-1, 4)), TensorSpec("PaddingMask", "BOOL", (2,))]

    made = zeros_of([*masks, TensorSpec("soft_mask", "FP32", (2,)), TensorSpec("ids", "INT32", (2,))], 100)

    assert made is not None
    assert {name: bool(array.all()) for name, array in made.items()} == {
        "attention_mask": True, "PaddingMask": True, "soft_mask": False, "ids": False
    }  # fmt: skip


def test_a_free_length_of_tokens_is_more_than_one() -> None:
    specs = [TensorSpec(name, "INT64", (-1, -1)) for name in ("input_ids", "attention_mask")]
    others = [
        TensorSpec("scores", "FP32", (-1, -1)),
        TensorSpec("counts", "INT32", (-1,)),
        TensorSpec("short", "INT64", (-1, 3)),
    ]

    made = zeros_of([*specs, *others], 1000)

    assert made is not None
    assert [array.shape for array in made.values()] == [(1, 8), (1, 8), (1, 1), (1,), (1, 3)]


@pytest.mark.parametrize(
    "specs",
    [[], [TensorSpec("x", "FP32", None)], [TensorSpec("x", "FP32", (2**40, 2**40))]],
    ids=["unknown inputs", "unknown rank", "large"],
)
def test_there_are_none_for_an_unknown_or_a_large_input(specs) -> None:
    assert zeros_of(specs, 2**20) is None
