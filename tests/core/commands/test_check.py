"""Proving that the parts of an app can work."""

from __future__ import annotations

from turnout import ModelSignature
from turnout.commands.check import describe_signature
from turnout.tensors import TensorSpec


def test_a_signature_in_one_line() -> None:
    signature = ModelSignature(
        (TensorSpec("x", "FP32", (-1, 3)), TensorSpec("ids", "INT64", None)), (TensorSpec("y", "BOOL", ()),)
    )

    assert describe_signature(signature) == "x FP32 [-1, 3], ids INT64 [...] -> y BOOL []"


def test_sides_that_are_not_known_are_question_marks() -> None:
    assert describe_signature(ModelSignature()) == "? -> ?"
