from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from turnout import InferenceRequest, InferenceResponse
from turnout.errors import ClosedError, InferenceError, InvalidRequestError, InvalidTensorError

Write = Callable[..., Path]
Load = Callable[..., Any]


def infer(model: Any, **inputs: Any) -> InferenceResponse:
    return model.infer(InferenceRequest({name: np.asarray(array) for name, array in inputs.items()}))


def test_multiplies_matrices(write: Write, value: Any, load: Load) -> None:
    weight = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = load(write([node], [value("x", "FP32", [-1, 3])], [value("y", "FP32", [-1, 2])], [weight]))

    response = infer(model, x=np.float32([[1, 2, 3], [4, 5, 6]]))

    assert response["y"].tolist() == [[16, 22], [34, 49]]


def test_runs_a_loop_as_exported_generate_models_have(write: Write, value: Any, load: Load) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still_going"]),
            helper.make_node("Add", ["total", "x"], ["new_total"]),
            helper.make_node("Identity", ["new_total"], ["seen"]),
        ],
        "body",
        [value("turn", "INT64", []), value("going", "BOOL", []), value("total", "INT64", [-1])],
        [value("still_going", "BOOL", []), value("new_total", "INT64", [-1]), value("seen", "INT64", [-1])],
    )
    start = helper.make_node("Sub", ["x", "x"], ["zero"])
    loop = helper.make_node("Loop", ["turns", "", "zero"], ["total", "every"], body=body)
    inputs = [value("turns", "INT64", []), value("x", "INT64", [-1])]
    model = load(write([start, loop], inputs, [value("total", "INT64", [-1]), value("every", "INT64", [-1, -1])]))

    response = infer(model, turns=np.int64(3), x=np.array([1, 10]))

    assert response["total"].tolist() == [3, 30]
    assert response["every"].tolist() == [[1, 10], [2, 20], [3, 30]]


def test_constant_outputs_belong_to_the_caller(write: Write, value: Any, load: Load) -> None:
    weight = numpy_helper.from_array(np.arange(3, dtype=np.float32), "w")
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["w"], ["v"])]
    outputs = [value("y", "FP32", [3]), value("v", "FP32", [3]), value("w", "FP32", [3])]
    model = load(write(nodes, [value("x", "FP32", [3])], outputs, [weight]))

    first = infer(model, x=np.ones(3, np.float32))
    for output in first.values():
        output[...] = 77

    assert [output.tolist() for output in infer(model, x=np.ones(3, np.float32)).values()] == [[1, 1, 1], [0, 1, 2], [0, 1, 2]]


def test_an_output_outlives_its_model(identity: Write, load: Load) -> None:
    model = load(identity("FP32"))

    output = infer(model, x=np.ones((500, 3), np.float32))["y"]
    model.close()
    del model

    assert output.sum() == 1500


def test_an_input_with_a_default_may_be_omitted(write: Write, value: Any, load: Load) -> None:
    weight = numpy_helper.from_array(np.full(3, 10, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    model = load(write([node], [value("x", "FP32", [3]), value("w", "FP32", [3])], [value("y", "FP32", [3])], [weight]))

    assert infer(model, x=np.ones(3, np.float32))["y"].tolist() == [11, 11, 11]
    assert infer(model, x=np.ones(3, np.float32), w=np.ones(3, np.float32))["y"].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"model 'm' needs input 'x' \(FP32 \[-1, 3\]\); got: nothing"),
        ({"X": np.ones((1, 3), np.float32)}, r"model 'm' has no input 'X'; it takes: x\."),
        ({"x": np.ones((1, 3))}, r"tensor 'x' must be FP32 \[-1, 3\], got FP64 \[1, 3\]"),
        ({"x": np.ones((1, 4), np.float32)}, r"tensor 'x' must be FP32 \[-1, 3\], got FP32 \[1, 4\]"),
        ({"x": np.ones(3, np.float32)}, r"tensor 'x' must be FP32 \[-1, 3\], got FP32 \[3\]"),
        ({"x": [[1.0, 2.0, 3.0]]}, r"tensor 'x' must be FP32 \[-1, 3\], got list, for model 'm'; pass a numpy array"),
    ],
)
def test_reports_the_input_that_does_not_match(inputs: Any, message: str, identity: Write, load: Load) -> None:
    model = load(identity("FP32"))

    with pytest.raises(InvalidTensorError, match=message):
        model.infer(InferenceRequest(inputs))

    assert infer(model, x=np.ones((1, 3), np.float32))["y"].shape == (1, 3)


def test_reports_a_refused_value(write: Write, value: Any, load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    node = helper.make_node("Gather", ["x", "i"], ["y"])
    model = load(write([node], [value("x", "FP32", [3]), value("i", "INT64", [-1])], [value("y", "FP32", [-1])]))

    with pytest.raises(InvalidRequestError, match=r"model 'm' refuses the values of its inputs: .*idx=7 must be within"):
        infer(model, x=np.ones(3, np.float32), i=np.array([7]))

    assert infer(model, x=np.ones(3, np.float32), i=np.array([2]))["y"].tolist() == [1]
    assert capfd.readouterr() == ("", "")


def test_reports_a_failed_model(write: Write, value: Any, load: Load) -> None:
    node = helper.make_node("MatMul", ["x", "i"], ["y"])
    inputs = [value("x", "FP32", [-1, -1]), value("i", "FP32", [-1, -1])]
    model = load(write([node], inputs, [value("y", "FP32", [-1, -1])]))

    with pytest.raises(InferenceError, match=r"model 'm' failed in ONNX Runtime: Fail: .*MatMul dimension mismatch"):
        infer(model, x=np.ones((2, 3), np.float32), i=np.ones((2, 3), np.float32))

    assert infer(model, x=np.ones((2, 3), np.float32), i=np.ones((3, 2), np.float32))["y"].shape == (2, 2)


def test_reports_that_memory_ran_out(write: Write, value: Any, load: Load) -> None:
    node = helper.make_node("Expand", ["x", "size"], ["y"])
    model = load(write([node], [value("x", "FP32", [1]), value("size", "INT64", [-1])], [value("y", "FP32", None)]))

    with pytest.raises(InferenceError, match=r"model 'm' failed .*allocate memory.*; try smaller inputs"):
        infer(model, x=np.ones(1, np.float32), size=np.array([1 << 20, 1 << 20, 1 << 10]))

    assert infer(model, x=np.ones(1, np.float32), size=np.array([2]))["y"].tolist() == [1, 1]


def test_refuses_requests_after_close(identity: Write, load: Load) -> None:
    model = load(identity("FP32"))

    model.close()

    with pytest.raises(ClosedError, match="model 'm' is closed; open the app again"):
        infer(model, x=np.ones((1, 3), np.float32))
