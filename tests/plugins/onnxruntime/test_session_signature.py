from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from turnout.errors import ModelLoadError
from turnout.tensors import DTYPES, TensorSpec

Write = Callable[..., Path]
Load = Callable[..., Any]


@pytest.mark.parametrize("datatype", DTYPES)
def test_reports_every_datatype(datatype: str, identity: Write, load: Load) -> None:
    signature = load(identity(datatype, [-1, 3])).signature()

    assert signature.inputs == (TensorSpec("x", datatype, (-1, 3)),)
    assert signature.outputs == (TensorSpec("y", datatype, (-1, 3)),)


@pytest.mark.parametrize("shape", [(), None, (0,), (-1, -1), (2, 3)])
def test_keeps_the_shape_of_the_file(shape: Any, identity: Write, load: Load) -> None:
    assert load(identity("FP32", shape)).signature().inputs == (TensorSpec("x", "FP32", shape),)


def test_an_input_with_a_default_is_optional(write: Write, value: Any, load: Load) -> None:
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    file = write([node], [value("x", "FP32", [3]), value("w", "FP32", [3])], [value("y", "FP32", [3])], [weight])

    assert load(file).signature().inputs == (TensorSpec("x", "FP32", (3,)), TensorSpec("w", "FP32", (3,), optional=True))


def test_refuses_fp8(write: Write, value: Any, load: Load) -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)
    file = write([node], [value("x", "FP32", [3])], [value("y", "FP8", [3])])

    with pytest.raises(
        ModelLoadError, match=r"model 'm': output 'y' is tensor\(float8e4m3fn\), which KServe v2 has no datatype"
    ):
        load(file)


def test_refuses_int4(write: Write, value: Any, load: Load) -> None:
    node = helper.make_node("DequantizeLinear", ["x", "scale"], ["y"])
    scale = numpy_helper.from_array(np.array(1, np.float32), "scale")
    file = write([node], [value("x", "INT4", [3])], [value("y", "FP32", [3])], [scale])

    with pytest.raises(ModelLoadError, match=r"model 'm': input 'x' is tensor\(int4\), which KServe v2 has no datatype for"):
        load(file)


def test_refuses_sequences(write: Write, value: Any, load: Load) -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    file = write([node], [value("x", "FP32", [1])], [helper.make_tensor_sequence_value_info("y", 1, None)])

    with pytest.raises(ModelLoadError, match=r"output 'y' is seq\(tensor\(float\)\), which KServe v2 has no datatype for"):
        load(file)
