"""Fixtures: a real tritonserver for a test run, one for each worker, with small models of every kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.onnx_types import ONNX_TYPES

from turnout_triton.server import LocalServer, ServerOptions

AT_ONCE = ServerOptions(trust=True, grace_seconds=0)

CONFIG_TYPES = {name: "TYPE_STRING" if name == "BYTES" else f"TYPE_{name}" for name in ONNX_TYPES}

# Waits for the given seconds, and returns them, like a busy accelerator.
SLOW = """
import time
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        given = [utils.get_input_tensor_by_name(request, "seconds").as_numpy() for request in requests]
        time.sleep(max(float(seconds.max()) for seconds in given))
        return [utils.InferenceResponse([utils.Tensor("seconds_slept", seconds)]) for seconds in given]
"""
# Sends count responses, with 0, 1, 2 and so on.
COUNTS = """
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            count = int(utils.get_input_tensor_by_name(request, "count").as_numpy()[0])
            for number in range(count):
                tensor = utils.Tensor("number", np.array([number], dtype=np.int32))
                sender.send(utils.InferenceResponse([tensor]))
            sender.send(flags=utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None
"""


def config_tensors(kind: str, tensors: dict[str, tuple[str, list[int]]], extra: str = "") -> str:
    entries = [
        f'{{ name: "{name}" data_type: {CONFIG_TYPES[datatype]} dims: {dims} {extra} }}'
        for name, (datatype, dims) in tensors.items()
    ]
    return f"{kind} [ {', '.join(entries)} ]\n"


def save_onnx(file: Path, nodes: Any, inputs: Any, outputs: Any, constants: Any = ()) -> None:
    def values(tensors: dict[str, tuple[str, list[int]]]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(
                name, ONNX_TYPES[datatype], [size if size >= 0 else f"{name}_{axis}" for axis, size in enumerate(shape)]
            )
            for name, (datatype, shape) in tensors.items()
        ]

    file.parent.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(nodes, "graph", values(inputs), values(outputs), list(constants))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), file)


def write_datatypes(repository: Path) -> None:
    """Write ``x_FP32`` [-1, -1] -> ``y_FP32`` and the same for every other datatype except BF16."""
    names = [name for name in ONNX_TYPES if name != "BF16"]
    inputs = {f"x_{name}": (name, [-1, -1]) for name in names}
    outputs = {f"y_{name}": (name, [-1, -1]) for name in names}
    nodes = [helper.make_node("Identity", [f"x_{name}"], [f"y_{name}"]) for name in names]
    save_onnx(repository / "datatypes" / "1" / "model.onnx", nodes, inputs, outputs)
    (repository / "datatypes" / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\n' + config_tensors("input", inputs) + config_tensors("output", outputs)
    )


def write_identity(repository: Path) -> None:
    """Write ``x`` FP32 [-1, -1] -> ``y``, in batches up to 8."""
    x, y = {"x": ("FP32", [-1, -1])}, {"y": ("FP32", [-1, -1])}
    save_onnx(repository / "identity" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], x, y)
    (repository / "identity" / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\nmax_batch_size: 8\ndynamic_batching { }\n'
        'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\n'
        + config_tensors("input", {"x": ("FP32", [-1])})
        + config_tensors("output", {"y": ("FP32", [-1])})
    )


def write_bfloat16(repository: Path) -> None:
    """Write ``x_BF16`` [-1, -1] -> ``y_BF16``, in batches up to 8."""
    x, y = {"x_BF16": ("BF16", [-1, -1])}, {"y_BF16": ("BF16", [-1, -1])}
    save_onnx(repository / "bfloat16" / "1" / "model.onnx", [helper.make_node("Identity", ["x_BF16"], ["y_BF16"])], x, y)
    (repository / "bfloat16" / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n'
        + config_tensors("input", {"x_BF16": ("BF16", [-1])})
        + config_tensors("output", {"y_BF16": ("BF16", [-1])})
    )


def write_rank0(repository: Path) -> None:
    """Write ``x`` FP32 [] -> ``y`` FP32 [], twice ``x``; Triton transfers both as [1]."""
    nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
    save_onnx(repository / "rank0" / "1" / "model.onnx", nodes, {"x": ("FP32", [])}, {"y": ("FP32", [])})
    (repository / "rank0" / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\n'
        + config_tensors("input", {"x": ("FP32", [1])})
        + config_tensors("output", {"y": ("FP32", [1])})
    )


def write_lookup(repository: Path) -> None:
    """Write ``index`` INT64 [-1, 1] -> ``value`` FP32 [-1, 1]: 0, 10, 20 or 30; another index fails its whole batch.

    It waits 0.3 s for a batch of 4, so that a test's requests are merged.
    """
    table = numpy_helper.from_array(np.array([0, 10, 20, 30], dtype=np.float32), "table")
    nodes = [helper.make_node("Gather", ["table", "index"], ["value"])]
    save_onnx(
        repository / "lookup" / "1" / "model.onnx", nodes, {"index": ("INT64", [-1, 1])}, {"value": ("FP32", [-1, 1])}, [table]
    )
    (repository / "lookup" / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\nmax_batch_size: 4\n'
        "dynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 300000 }\n"
        + config_tensors("input", {"index": ("INT64", [1])})
        + config_tensors("output", {"value": ("FP32", [1])})
    )


def write_python(repository: Path, name: str, code: str, config: str) -> None:
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(code)
    (folder.parent / "config.pbtxt").write_text(f'backend: "python"\n{config}')


def write_slow(repository: Path) -> None:
    """Write ``seconds`` FP32 [-1, 1] -> ``seconds_slept``, after the largest of them."""
    config = "max_batch_size: 8\ndynamic_batching { }\n" + config_tensors("input", {"seconds": ("FP32", [1])})
    write_python(repository, "slow", SLOW, config + config_tensors("output", {"seconds_slept": ("FP32", [1])}))


def write_counts(repository: Path) -> None:
    """Write ``count`` INT32 [1] -> ``count`` responses with ``number`` INT32 [1]: a decoupled model."""
    config = "model_transaction_policy { decoupled: true }\n" + config_tensors("input", {"count": ("INT32", [1])})
    write_python(repository, "counts", COUNTS, config + config_tensors("output", {"number": ("INT32", [1])}))


WRITERS = (write_datatypes, write_bfloat16, write_identity, write_rank0, write_lookup, write_slow, write_counts)


@pytest.fixture(scope="session")
def served_repository(tmp_path_factory) -> Path:
    """Return the model repository of ``server``: datatypes, bfloat16, identity, rank0, lookup, slow, counts."""
    repository = tmp_path_factory.mktemp("served") / "repository"
    for write in WRITERS:
        write(repository)
    return repository


@pytest.fixture(scope="session")
def server(served_repository) -> Iterator[LocalServer]:
    """Yield a real server for all tests of a worker; a test that kills or pauses its server uses ``own_server``."""
    with LocalServer(served_repository, AT_ONCE) as running:
        yield running


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory) -> Path:
    """Return a model repository with ``identity`` only, for servers that a test starts itself: ready in about a second."""
    repository = tmp_path_factory.mktemp("small") / "repository"
    write_identity(repository)
    return repository


@pytest.fixture
def own_server(small_repository) -> Iterator[Callable[..., LocalServer]]:
    """Yield a function that starts a server that the test may kill, pause and restart; it is stopped after the test."""
    with contextlib.ExitStack() as stack:

        def start(repository: Path = small_repository, options: ServerOptions = AT_ONCE) -> LocalServer:
            return stack.enter_context(LocalServer(repository, options))

        yield start
