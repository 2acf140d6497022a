"""A model that refuses made-up requests is served; its own warm-up asks no index that it does not have."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper, numpy_helper
from tests.plugins.triton.client.urls import settings
from tests.plugins.triton.conftest import AT_ONCE, save_onnx
from tritonclient.grpc import InferenceServerClient

import turnout
from turnout import ModelDeclaration, ModelSignature
from turnout.tensors import TensorSpec
from turnout_triton.model_config_options import Warmup
from turnout_triton.repository.config_file import config_bytes, config_from
from turnout_triton.repository.model_warmup import warmup_fields
from turnout_triton.server import LocalServer

Tensors = dict[str, tuple[str, list[int]]]
ROWS = np.arange(20, dtype=np.float32).reshape(10, 2)


def write_config(folder: Path, inputs: Tensors, outputs: Tensors, fields: dict[str, Any]) -> None:
    """Write a config without batches, which Triton would assume for a free first axis."""
    sides = {
        side: [{"name": name, "data_type": f"TYPE_{kind}", "dims": dims} for name, (kind, dims) in tensors.items()]
        for side, tensors in {"input": inputs, "output": outputs}.items()
    }
    config = config_from({"platform": "onnxruntime_onnx", **sides, **fields})
    (folder / "config.pbtxt").write_bytes(config_bytes(config))


def write_table(repository: Path, **fields: Any) -> None:
    """Write ``index`` INT64 [-1] -> ``y`` FP32 [-1, 2]: rows of a table of ten."""
    inputs, outputs = {"index": ("INT64", [-1])}, {"y": ("FP32", [-1, 2])}
    nodes = [helper.make_node("Gather", ["table", "index"], ["y"])]
    save_onnx(repository / "table" / "1" / "model.onnx", nodes, inputs, outputs, [numpy_helper.from_array(ROWS, "table")])
    write_config(repository / "table", inputs, outputs, fields)


def write_halves(repository: Path) -> None:
    """Write ``long`` [-1], ``short`` [-1] -> ``y``: ``long`` has twice the elements of ``short``."""
    inputs = {"long": ("FP32", [-1]), "short": ("FP32", [-1])}
    nodes = [
        helper.make_node("Reshape", ["long", "two"], ["pairs"]),
        helper.make_node("Unsqueeze", ["short", "one"], ["column"]),
        helper.make_node("Concat", ["pairs", "column"], ["y"], axis=1),
    ]
    constants = [numpy_helper.from_array(np.array([-1, 2]), "two"), numpy_helper.from_array(np.array([1]), "one")]
    outputs = {"y": ("FP32", [-1, 3])}
    save_onnx(repository / "halves" / "1" / "model.onnx", nodes, inputs, outputs, constants)
    write_config(repository / "halves", inputs, outputs, {})


def test_a_model_that_refuses_every_made_up_request_is_served_with_a_note(tmp_path, caplog) -> None:
    write_halves(tmp_path)

    with (
        caplog.at_level(logging.WARNING),
        LocalServer(tmp_path, AT_ONCE) as server,
        turnout.open(settings(server.grpc_url, "halves")) as app,
    ):
        inputs = {"long": np.ones(4, np.float32), "short": np.zeros(2, np.float32)}
        assert app.model("halves").infer(inputs)["y"].tolist() == [[1, 1, 0]] * 2

    assert any("'halves' is served; it refused the requests of zeros and ones" in text for text in caplog.messages)


def test_a_model_with_a_least_size_is_asked_for_a_large_one_first(tmp_path, caplog) -> None:
    weights = numpy_helper.from_array(np.ones((1, 1, 9, 9), np.float32), "w")
    x, y = {"x": ("FP32", [-1, 1, -1, -1])}, {"y": ("FP32", [-1, 1, -1, -1])}
    save_onnx(tmp_path / "conv" / "1" / "model.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], x, y, [weights])
    lines: list[str] = []

    with caplog.at_level(logging.WARNING), LocalServer(tmp_path, AT_ONCE, log=lines.append) as server:
        assert server.running

    assert not [text for text in caplog.messages if "conv" in text]
    assert not [line for line in lines if "Conv" in line]


def test_a_text_with_a_limit_is_asked_below_it_first(tmp_path, caplog) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["length"]),
        helper.make_node("Slice", ["positions", "zero", "length"], ["used"]),
        helper.make_node("Add", ["x", "used"], ["y"]),
    ]
    constants = [numpy_helper.from_array(np.zeros(20, np.float32), "positions"), numpy_helper.from_array(np.array([0]), "zero")]
    tensors: tuple[Tensors, Tensors] = {"x": ("FP32", [-1])}, {"y": ("FP32", [-1])}
    save_onnx(tmp_path / "text" / "1" / "model.onnx", nodes, *tensors, constants)
    write_config(tmp_path / "text", *tensors, {})
    lines: list[str] = []

    with (
        caplog.at_level(logging.WARNING),
        LocalServer(tmp_path, AT_ONCE, log=lines.append) as server,
        turnout.open(settings(server.grpc_url, "text")) as app,
    ):
        assert app.model("text").infer({"x": np.ones(20, np.float32)})["y"].tolist() == [1] * 20

    assert not [text for text in caplog.messages if "text" in text]
    assert not [line for line in lines if "Add" in line]


def test_a_model_of_large_fixed_shapes_is_asked_too(tmp_path, caplog) -> None:
    x, y = {"x": ("FP32", [3, 1024, 1024])}, {"y": ("FP32", [3, 1024, 1024])}
    save_onnx(tmp_path / "large" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], x, y)
    write_config(tmp_path / "large", x, y, {})

    with caplog.at_level(logging.WARNING), LocalServer(tmp_path, AT_ONCE) as server:
        assert executed(server, "large") == 1

    assert not [text for text in caplog.messages if "large" in text]


def executed(server: LocalServer, model: str) -> int:
    with InferenceServerClient(server.grpc_url) as client:
        statistics = client.get_inference_statistics(model).model_stats[0]
    return int(statistics.inference_stats.success.count)


def test_a_random_warm_up_of_indexes_is_made_of_zeros(tmp_path) -> None:
    signature = ModelSignature((TensorSpec("index", "INT64", (-1,)),), (TensorSpec("y", "FP32", (-1, 2)),))
    samples, _ = warmup_fields(ModelDeclaration("table"), signature, [Warmup(data="random", shapes={"index": (4,)})])
    write_table(tmp_path, model_warmup=samples)

    lines: list[str] = []

    with LocalServer(tmp_path, AT_ONCE, log=lines.append) as server, turnout.open(settings(server.grpc_url, "table")) as app:
        assert app.model("table").infer({"index": np.array([3])})["y"].tolist() == [[6, 7]]

    assert not [line for line in lines if "Gather" in line]
