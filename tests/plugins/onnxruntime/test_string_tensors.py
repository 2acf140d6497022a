from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from turnout import InferenceRequest
from turnout.errors import InferenceError, InvalidTensorError


@pytest.mark.parametrize("given", [np.array([b"a", b"b"]), np.array(["a", "b"]), np.array(["a", b"b"], dtype=object)])
def test_accepts_text_in_every_form_that_numpy_has(given: Any, identity: Callable[..., Path], load: Callable[..., Any]) -> None:
    assert load(identity("BYTES", [-1])).infer(InferenceRequest({"x": given}))["y"].tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (b"a\xff", r"tensor 'x' is BYTES, and element 1 is not UTF-8 \(invalid start byte at byte 1\); .*base64"),
        (None, "tensor 'x' is BYTES, but element 1 is NoneType"),
        (7, "tensor 'x' is BYTES, but element 1 is int"),
    ],
)
def test_refuses_elements_that_are_not_text(
    element: Any, message: str, identity: Callable[..., Path], load: Callable[..., Any]
) -> None:
    model = load(identity("BYTES", [-1]))

    with pytest.raises(InvalidTensorError, match=message):
        model.infer(InferenceRequest({"x": np.array([b"a", element], dtype=object)}))

    assert model.infer(InferenceRequest({"x": np.array([b"a"], dtype=object)}))["y"].tolist() == [b"a"]


def test_reports_an_output_that_is_not_text(write: Callable[..., Path], value: Any, load: Callable[..., Any]) -> None:
    garbled = helper.make_tensor("garbled", TensorProto.STRING, [1], [b"\xff"])
    node = helper.make_node("Identity", ["garbled"], ["y"])
    model = load(write([node], [value("x", "FP32", [1])], [value("y", "BYTES", [1])], [garbled]))

    with pytest.raises(InferenceError, match=r"model 'm' failed in ONNX Runtime: UnicodeDecodeError: .*0xff"):
        model.infer(InferenceRequest({"x": np.ones(1, np.float32)}))
