"""Overhead of Turnout over ONNX Runtime: CPU of ``app.model(...).infer`` against a raw ``session.run``, interleaved in one run.

Both sides get the same arrays and the same session options. Turnout's side validates every tensor and counts and times every
request; the measured time includes folding the counts into histograms (``metrics.fold`` is called in every round). CPU is the
process's own (``time.process_time``), so other processes have little effect; medians over rounds.

    python benchmarks/overhead.py            # a 50 us MLP and a CNN
    python benchmarks/overhead.py --rounds 400
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import turnout
from turnout.metrics import Metrics

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


def depth_of_50_microseconds() -> int:
    """Return the depth at which the raw MLP takes 50 us on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(mlp(128, 12), file)
        run, row = raw_session(file).run, np.zeros((1, 128), "f4")
        took = statistics.median(cpu_microseconds(lambda: run(None, {"x": row}), 400) for _ in range(21))
    return max(1, round(12 * 50 / took))


def compare(name: str, model: onnx.ModelProto, array: np.ndarray, *, rounds: int, calls: int, bar: float) -> None:
    """Print the two sides and their ratio; the order of the sides alternates."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(model, file)
        settings = {
            "models": {
                "m": {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": str(file), "intra_op_num_threads": 1}}}
            }
        }
        session = raw_session(file)
        with turnout.open(settings, metrics=Metrics()) as app:
            run, infer, fold = session.run, app.model("m").infer, app.metrics.fold
            assert np.array_equal(run(None, {"x": array})[0], infer({"x": array})["y"])
            sides = {
                "raw": lambda: cpu_microseconds(lambda: run(None, {"x": array}), calls),
                "turnout": lambda: cpu_microseconds(lambda: infer({"x": array}), calls, fold),
            }
            figures: dict[str, list[float]] = {side: [] for side in sides}
            for turn in range(rounds + 5):
                for side in sorted(sides, reverse=turn % 2 == 0):
                    gc.collect()
                    figures[side].append(sides[side]())
    raw, ours = (figures[side][5:] for side in ("raw", "turnout"))
    ratio = statistics.median(b / a for a, b in zip(raw, ours, strict=True))
    print(
        f"{name}: raw {statistics.median(raw):8.1f} us   turnout {statistics.median(ours):8.1f} us   "
        f"ratio {ratio:.3f}   bar {bar:.2f}   {'within' if ratio <= bar else 'OVER'}"
    )


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    row = RANDOM.standard_normal((1, 128)).astype("f4")
    picture = RANDOM.standard_normal((1, 32, 64, 64)).astype("f4")
    compare("MLP", mlp(128, depth_of_50_microseconds()), row, rounds=rounds, calls=400, bar=1.15)
    compare("CNN", cnn(64, 4), picture, rounds=max(20, rounds // 3), calls=10, bar=1.02)


main()
