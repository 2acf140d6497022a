"""The model of an ONNX file, as ``turnout adopt`` finds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from turnout import SourceRequest
from turnout_onnxruntime.sources import find_sources


def save(folder: Path, *shapes: Sequence[int | str]) -> SourceRequest:
    inputs = [helper.make_tensor_value_info(f"x{index}", TensorProto.FLOAT, shape) for index, shape in enumerate(shapes)]
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0])
    inputs.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]))  # older exporters list weights among the inputs
    nodes = [helper.make_node("Mul", [f"x{index}", "w"], [f"y{index}"]) for index in range(len(shapes))]
    outputs = [helper.make_tensor_value_info(f"y{index}", TensorProto.FLOAT, shape) for index, shape in enumerate(shapes)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "m.onnx")
    return SourceRequest("m.onnx", folder, "m.onnx")


@pytest.mark.parametrize(
    ("shapes", "batch"),
    [
        ([[1, 3, 8, 8]], 1),
        ([[4, 3, 8, 8]], 4),
        ([[1, 3, 8, 8], [1, 2]], 1),
        ([["n", 3, 8, 8]], None),
        ([[3, 8, 8]], None),
        ([[1, 3, 8, 8], [2]], None),
        ([[16000]], None),
    ],
)
def test_the_only_batch_and_the_inputs_are_those_of_the_file(tmp_path: Path, shapes: list[list[int | str]], batch: int) -> None:
    [model] = find_sources(save(tmp_path, *shapes))

    assert model.fixed_batch == batch
    assert model.inputs == tuple(f"x{index}" for index in range(len(shapes)))
