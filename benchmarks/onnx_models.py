"""Small ONNX models of known cost, and raw sessions with the options that turnout-onnxruntime sets."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(7)


def mlp(width: int, depth: int) -> onnx.ModelProto:
    """Return ``depth`` layers of MatMul and Tanh on FP32 [-1, width]."""
    weights = numpy_helper.from_array((RANDOM.standard_normal((width, width)) / width**0.5).astype("f4"), "weights")
    nodes, last = [], "x"
    for layer in range(depth):
        nodes += [
            helper.make_node("MatMul", [last, "weights"], [f"m{layer}"]),
            helper.make_node("Tanh", [f"m{layer}"], [f"t{layer}"]),
        ]
        last = f"t{layer}"
    return _model(nodes, last, [weights], [None, width], [None, width])


def cnn(size: int, depth: int) -> onnx.ModelProto:
    """Return ``depth`` convolutions 3x3 of 32 channels on FP32 [-1, 32, size, size]."""
    kernel = numpy_helper.from_array((RANDOM.standard_normal((32, 32, 3, 3)) / 17).astype("f4"), "kernel")
    nodes, last = [], "x"
    for layer in range(depth):
        nodes += [
            helper.make_node("Conv", [last, "kernel"], [f"c{layer}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
        ]
        last = f"r{layer}"
    return _model(nodes, last, [kernel], [None, 32, size, size], [None, 32, size, size])


def _model(nodes: list, last: str, weights: list, input_shape: list, output_shape: list) -> onnx.ModelProto:
    nodes = [*nodes, helper.make_node("Identity", [last], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *input_shape[1:]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", *output_shape[1:]])]
    graph = helper.make_graph(nodes, "benchmark", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def raw_session(file: Path) -> onnxruntime.InferenceSession:
    """Return a session with the options that the plugin sets for a model with a dynamic batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def cpu_microseconds(call: Callable[[], object], calls: int, after: Callable[[], None] = lambda: None) -> float:
    """Return the CPU time of one call, with one call of ``after`` spread over all."""
    start = time.process_time_ns()
    for _ in range(calls):
        call()
    after()
    return (time.process_time_ns() - start) / calls / 1000


def depth_for(microseconds: float, width: int = 128) -> int:
    """Return the depth at which one row of the raw MLP takes so long on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(mlp(width, 12), file)
        run, row = raw_session(file).run, np.zeros((1, width), "f4")
        took = statistics.median(cpu_microseconds(lambda: run(None, {"x": row}), 400) for _ in range(21))
    return max(1, round(12 * microseconds / took))
