from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

from turnout import InferenceRequest

ALL = np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16)


def test_carries_every_bfloat16_bit_for_bit(identity: Callable[..., Path], load: Callable[..., Any]) -> None:
    output = load(identity("BF16", [-1])).infer(InferenceRequest({"x": ALL}))["y"]

    assert output.dtype == ALL.dtype
    assert output.tobytes() == ALL.tobytes()


def test_casts_to_and_from_bfloat16(write: Callable[..., Path], value: Any, load: Callable[..., Any]) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["f"], ["narrow"], to=TensorProto.BFLOAT16),
    ]
    inputs = [value("x", "BF16", [-1]), value("f", "FP32", [-1])]
    model = load(write(nodes, inputs, [value("wide", "FP32", [-1]), value("narrow", "BF16", [-1])]))
    finite = ALL[np.isfinite(ALL.astype(np.float32))]

    response = model.infer(InferenceRequest({"x": finite, "f": np.float32([1 / 3, 2.0**100])}))

    assert response["wide"].tobytes() == finite.astype(np.float32).tobytes()
    assert response["narrow"].tobytes() == np.array([1 / 3, 2.0**100], ml_dtypes.bfloat16).tobytes()
    assert all(output.flags.writeable for output in response.values())


def test_text_outputs_work_together_with_bfloat16(write: Callable[..., Path], value: Any, load: Callable[..., Any]) -> None:
    text = helper.make_tensor("text", TensorProto.STRING, [2], [b"a", "caf\u00e9".encode()])
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["text"], ["t"])]
    model = load(write(nodes, [value("x", "BF16", [-1])], [value("y", "BF16", [-1]), value("t", "BYTES", [2])], [text]))

    assert model.infer(InferenceRequest({"x": ALL[:2]}))["t"].tolist() == [b"a", "caf\u00e9".encode()]
