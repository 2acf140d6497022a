from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from turnout import ModelDeclaration
from turnout.errors import ModelLoadError
from turnout_onnxruntime import opening
from turnout_onnxruntime.options import OnnxruntimeOptions

Write = Callable[..., Path]


@pytest.mark.parametrize(("shape", "fixed"), [([2, 3], True), ([], True), ([-1, 3], False), (None, False)])
def test_plans_memory_for_models_of_fixed_shapes_only(
    shape: Any, fixed: bool, identity: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = opening.open_session

    def spy(*args: Any, mem_pattern: bool, **rest: Any) -> Any:
        seen.append(mem_pattern)
        return real(*args, mem_pattern=mem_pattern, **rest)

    monkeypatch.setattr(opening, "open_session", spy)
    opening.open_model(ModelDeclaration("m"), OnnxruntimeOptions(path=identity("FP32", shape))).close()

    assert seen == [fixed]


def test_opens_a_folder_of_a_model_repository(identity: Write, tmp_path: Path) -> None:
    identity("FP32", [-1, 1], "echo/1/model.onnx")
    identity("FP32", [-1, 2], "echo/2/model.onnx")

    model = opening.open_model(ModelDeclaration("echo", folder=tmp_path), OnnxruntimeOptions(path=Path("echo")))

    assert model.signature().inputs[0].shape == (-1, 2)


def test_refuses_text_inputs_together_with_bfloat16(write: Write, value: Any, load: Any) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["t"], ["u"])]
    inputs = [value("x", "BF16", [1]), value("t", "BYTES", [1])]

    with pytest.raises(ModelLoadError, match="model 'm' takes BYTES and has BF16 tensors too"):
        load(write(nodes, inputs, [value("y", "BF16", [1]), value("u", "BYTES", [1])]))
