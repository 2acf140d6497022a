"""The inputs and outputs of an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tests.onnx_types import ONNX_TYPES

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.onnx_signature import read_onnx_signature


@pytest.mark.parametrize("datatype", ONNX_TYPES)
def test_every_datatype_is_read_with_its_shape(tmp_path: Path, save_model: Callable[..., Path], datatype: str) -> None:
    x, y = ("x", ONNX_TYPES[datatype], ["rows", 3]), ("y", ONNX_TYPES[datatype], ["rows", 3])
    file = save_model(tmp_path / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])

    expected = ModelSignature((TensorSpec("x", datatype, (-1, 3)),), (TensorSpec("y", datatype, (-1, 3)),))
    assert read_onnx_signature(file) == expected


def test_rank_0_and_an_unknown_rank_are_distinct(tmp_path: Path, save_model: Callable[..., Path]) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    file = save_model(tmp_path / "m.onnx", nodes, [("x", TensorProto.FLOAT, [])], [("y", TensorProto.FLOAT, None)])

    signature = read_onnx_signature(file)

    assert (signature.inputs[0].shape, signature.outputs[0].shape) == ((), None)


@pytest.mark.parametrize("size", [-1, -7, -(2**63)])
def test_a_negative_size_is_free_and_a_huge_one_is_not(tmp_path: Path, size: int) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [0, 2**63 - 1])
    value.type.tensor_type.shape.dim[0].dim_value = size
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [value])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")

    assert read_onnx_signature(tmp_path / "m.onnx").inputs == (TensorSpec("x", "FP32", (-1, 2**63 - 1)),)


def test_an_input_with_a_default_is_optional(tmp_path: Path, save_model: Callable[..., Path]) -> None:
    inputs = [("x", TensorProto.FLOAT, ["n"]), ("k", TensorProto.FLOAT, [1])]
    nodes = [helper.make_node("Mul", ["x", "k"], ["y"])]
    file = save_model(tmp_path / "m.onnx", nodes, inputs, [("y", TensorProto.FLOAT, ["n"])], {"k": [2.0]})

    assert [(spec.name, spec.optional) for spec in read_onnx_signature(file).inputs] == [("x", False), ("k", True)]


def test_a_type_that_the_protocol_does_not_have_is_named(tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("SequenceConstruct", ["x"], ["s"])], "g", [value], [sequence])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")

    with pytest.raises(ExportError, match=r"tensor 's' of .* has a type that KServe v2 has no datatype for"):
        read_onnx_signature(tmp_path / "m.onnx")


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x3a\xff\xff\xff\xff\x0f", b"\x08\x07"])
def test_a_file_that_is_not_onnx_is_an_export_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)

    with pytest.raises(ExportError, match="export the model again"):
        read_onnx_signature(tmp_path / "m.onnx")


def test_the_demo_models_are_read_as_onnx_reads_them() -> None:
    for file in sorted((Path(__file__).parents[4] / "model_repository").glob("*/1/model.onnx")):
        graph = onnx.load(file).graph

        signature = read_onnx_signature(file)

        assert [spec.name for spec in signature.inputs] == [value.name for value in graph.input]
        for spec, value in zip(signature.outputs, graph.output, strict=True):
            sizes = value.type.tensor_type.shape.dim
            assert spec.shape == tuple(size.dim_value if size.HasField("dim_value") else -1 for size in sizes)
