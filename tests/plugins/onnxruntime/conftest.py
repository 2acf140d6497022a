"""Small ONNX models, written for each test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from tests.onnx_types import ONNX_TYPES

from turnout import ModelDeclaration
from turnout_onnxruntime.inference import OnnxruntimeInference
from turnout_onnxruntime.opening import open_model
from turnout_onnxruntime.options import OnnxruntimeOptions

ELEMENT_TYPES = {**ONNX_TYPES, "FP8": TensorProto.FLOAT8E4M3FN, "INT4": TensorProto.INT4}
Shape = Sequence[int] | None


def tensor(name: str, datatype: str, shape: Shape) -> onnx.ValueInfoProto:
    sizes = None if shape is None else [f"{name}_{axis}" if size < 0 else size for axis, size in enumerate(shape)]
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[datatype], sizes)


@pytest.fixture
def value() -> Callable[..., onnx.ValueInfoProto]:
    """Return a function that describes a graph's input or output: name, datatype, shape."""
    return tensor


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a graph of nodes, inputs, outputs and initializers to ``tmp_path``."""

    def write_graph(nodes: Any, inputs: Any, outputs: Any, initializers: Any = (), name: str = "model.onnx") -> Path:
        graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), file)
        return file

    return write_graph


@pytest.fixture
def identity(write: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes a model that returns ``x`` as ``y``."""

    def write_identity(datatype: str, shape: Shape = (-1, 3), name: str = "model.onnx") -> Path:
        node = helper.make_node("Identity", ["x"], ["y"])
        return write([node], [tensor("x", datatype, shape)], [tensor("y", datatype, shape)], name=name)

    return write_identity


@pytest.fixture
def load() -> Iterator[Callable[..., OnnxruntimeInference]]:
    """Return a function that opens a file with one thread and other options; the model is closed after the test."""
    with contextlib.ExitStack() as stack:

        def load_file(path: Path, **options: Any) -> OnnxruntimeInference:
            known = OnnxruntimeOptions(**{"path": path, "intra_op_num_threads": 1, **options})
            return stack.enter_context(contextlib.closing(open_model(ModelDeclaration("m"), known)))

        yield load_file
