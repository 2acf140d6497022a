"""ONNX models on a real server: merged requests, completed configs, thread counts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException


def look_up(url: str, index: int) -> float | str:
    given = InferInput("index", [1, 1], "INT64").set_data_from_numpy(np.array([[index]]))
    with InferenceServerClient(url) as client:
        try:
            return client.infer("lookup", [given], client_timeout=20).as_numpy("value").item()
        except InferenceServerException as error:
            return str(error)


def largest_batch(url: str) -> int:
    with InferenceServerClient(url) as client:
        statistics = client.get_inference_statistics("lookup").model_stats[0]
    return max(entry.batch_size for entry in statistics.batch_stats)


def becomes_true(claim: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not claim() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return claim()


@pytest.mark.clock  # the server waits 0.3 s for the four requests
def test_of_merged_requests_only_the_bad_one_fails(server) -> None:
    start = threading.Barrier(4)

    def caller(index: int) -> float | str:
        start.wait()
        return look_up(server.grpc_url, index)

    with ThreadPoolExecutor(4) as pool:
        first, bad, *others = pool.map(caller, (1, 99, 2, 3))

    assert [first, *others] == [10, 20, 30]
    assert "idx=99 must be within" in bad
    assert becomes_true(lambda: largest_batch(server.grpc_url) > 1)  # Triton counts a request after its response


IDENTITY = helper.make_node("Identity", ["x"], ["y"])
SQUARE = helper.make_node("MatMul", ["x", "x"], ["y"])
THREADS = 'parameters {{ key: "intra_op_thread_count" value {{ string_value: "{}" }} }}'
NAMES = 'input [ { name: "x" } ] output [ { name: "y" data_type: TYPE_FP32 } ]'
VERSIONS = 'platform: "onnxruntime_onnx" version_policy { all { } } instance_group [ { count: 2 } ]'


def write(
    repository: Path, name: str, shape: list[object], *, config: str = "", node: onnx.NodeProto, version: int = 1
) -> None:
    folder = repository / name / str(version)
    folder.mkdir(parents=True)
    x, y = (helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, shape) for tensor in "xy")
    graph = helper.make_graph([node], "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), folder / "model.onnx")
    if config:
        (repository / name / "config.pbtxt").write_text(config)


@pytest.fixture(scope="module")
def completed(tmp_path_factory):
    """Return a server of models without a config, or with an incomplete one."""
    from turnout_triton.server import LocalServer, ServerOptions

    repository = tmp_path_factory.mktemp("completed") / "repository"
    write(repository, "nothing", ["rows", 2, 2], node=SQUARE)
    write(repository, "sizes", ["rows", 2, 2], node=SQUARE, config='platform: "onnxruntime_onnx" max_batch_size: 16')
    write(repository, "fixed", [2, 2], node=SQUARE, config=THREADS.format(1))
    write(repository, "scalar", [], node=IDENTITY, config=THREADS.format(4))
    write(repository, "versions", ["rows", 2, 2], node=SQUARE, config=VERSIONS)
    write(repository, "versions", ["rows", 2, 2], node=IDENTITY, version=7)
    write(repository, "names", ["rows", 2, 2], node=SQUARE, config='backend: "onnxruntime" max_batch_size: 2\n' + NAMES)
    write(repository, "numbers", ["rows"], node=IDENTITY, config='backend: "onnxruntime" max_batch_size: 8')
    write(repository, "large", ["rows", 2, 2], node=IDENTITY)
    put_into_a_folder(repository / "large" / "1" / "model.onnx")
    with LocalServer(repository, ServerOptions(grace_seconds=0)) as server:
        yield server


def put_into_a_folder(file: Path) -> None:
    content = file.read_bytes()
    file.unlink()
    file.mkdir()
    (file / "model.onnx").write_bytes(content)


def config_of(server, model: str):
    with InferenceServerClient(server.grpc_url) as client:
        return client.get_model_config(model).config


@pytest.mark.parametrize(
    ("model", "batch", "dims"),
    [
        ("nothing", 4, [2, 2]),
        ("sizes", 16, [2, 2]),
        ("fixed", 0, [2, 2]),
        ("scalar", 0, [1]),
        ("names", 2, [2, 2]),
        ("numbers", 8, [1]),
        ("large", 4, [2, 2]),
    ],
)
def test_missing_parts_of_a_config_come_from_the_file(completed, model, batch, dims) -> None:
    config = config_of(completed, model)

    assert config.max_batch_size == batch
    assert [(tensor.name, list(tensor.dims)) for tensor in (*config.input, *config.output)] == [("x", dims), ("y", dims)]
    assert config.HasField("dynamic_batching") == (model in {"nothing", "sizes", "numbers", "large"})


def test_a_completed_model_of_one_number_a_row_takes_one_element_a_row(completed) -> None:
    given = InferInput("x", [3, 1], "FP32").set_data_from_numpy(np.array([[1], [2], [3]], np.float32))

    with InferenceServerClient(completed.grpc_url) as client:
        answer = client.infer("numbers", [given]).as_numpy("y")

    assert answer.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("model", "version", "squared"),
    [("nothing", "", True), ("names", "", True), ("large", "", False), ("versions", "1", True), ("versions", "7", False)],
)
def test_a_completed_model_answers(completed, model, version, squared) -> None:
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    given = InferInput("x", [1, 2, 2], "FP32").set_data_from_numpy(x)

    with InferenceServerClient(completed.grpc_url) as client:
        answer = client.infer(model, [given], version).as_numpy("y")

    assert np.array_equal(answer, x @ x if squared else x)


def test_each_instance_is_a_process_of_its_own(completed) -> None:
    assert [len(stubs(completed.pid, f"versions_0_{instance}")) for instance in (0, 1, 2)] == [2, 2, 0]


def test_the_thread_count_of_the_config_is_used(completed) -> None:
    assert threads_of(completed.pid, "scalar") - threads_of(completed.pid, "fixed") == 3


def threads_of(server: int, model: str) -> int:
    (folder,) = stubs(server, f"{model}_0")
    return len(list((folder / "task").iterdir()))


def stubs(server: int, instance: str) -> list[Path]:
    """Return the processes in the group of ``server`` that serve ``instance``, one for each version."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == server and instance in (folder / "cmdline").read_text().split("\0"):
                found.append(folder)
        except OSError:
            continue
    return found
