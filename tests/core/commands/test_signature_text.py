"""Checks of the parts of an app."""

from __future__ import annotations

from turnout import ModelSignature
from turnout.commands.signature_text import describe_signature
from turnout.tensors import TensorSpec


def test_a_signature_in_one_line() -> None:
    signature = ModelSignature(
        (TensorSpec("x", "FP32", (-1, 3)), TensorSpec("ids", "INT64", None)), (TensorSpec("y", "BOOL", ()),)
    )

    assert describe_signature(signature) == "x FP32 [-1, 3], ids INT64 [...] -> y BOOL []"


def test_unknown_inputs_and_outputs_are_question_marks() -> None:
    assert describe_signature(ModelSignature()) == "? -> ?"
