"""Instances: real sessions, one for each; on GPUs only their options, because there is no GPU here."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from pydantic import ValidationError

import turnout
from turnout import Turnout
from turnout.errors import ModelLoadError, SettingsError
from turnout.metrics import Metrics
from turnout_onnxruntime import inference
from turnout_onnxruntime.instances import instance_options
from turnout_onnxruntime.options import OnnxruntimeOptions

Write = Callable[..., Path]
CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
TWO = [{"kind": "KIND_CPU", "count": 2}]

MEMORY = """
import gc, sys
import numpy as np
import turnout

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

def cycle(count):
    settings = {"path": sys.argv[1], "intra_op_num_threads": 1, "instance_group": [{"kind": "KIND_CPU", "count": count}]}
    with turnout.open({"models": {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": settings}}}}) as app:
        for _ in range(2 * count):
            app.model("m").infer({"x": np.ones((1, 3072), np.float32)})
        return resident()

cycle(3)
before = resident()
held = cycle(3)
print(held - before, resident() - before)
"""


def options(**more: Any) -> OnnxruntimeOptions:
    return OnnxruntimeOptions.model_validate({"path": "model.onnx", **more})


def open_app(file: Path, **more: Any) -> Turnout:
    given = {"path": str(file), "intra_op_num_threads": 1, **more}
    return turnout.open({"models": {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": given}}}}, metrics=Metrics())


def count_sessions() -> int:
    gc.collect()
    return sum(isinstance(each, onnxruntime.InferenceSession) for each in gc.get_objects())


def providers_of(**more: Any) -> list[Any]:
    found = instance_options(options(**more))
    assert all(one.instance_group == () for one in found)
    return [one.providers for one in found]


def refusal(**more: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        options(**more)
    [error] = caught.value.errors()
    return str(error["msg"])


@pytest.fixture
def multiplies(write: Write, value: Callable[..., Any]) -> Callable[[int], Path]:
    """Return a function that writes a model that multiplies rows with a square matrix of ones."""

    def write_it(width: int) -> Path:
        matrix = numpy_helper.from_array(np.ones((width, width), np.float32), "matrix")
        node = helper.make_node("MatMul", ["x", "matrix"], ["y"])
        return write([node], [value("x", "FP32", (-1, width))], [value("y", "FP32", (-1, width))], [matrix])

    return write_it


def test_without_a_group_one_session_keeps_its_options() -> None:
    assert not instance_options(options())


@pytest.mark.parametrize("count", [1, 3])
def test_each_instance_is_a_session_of_its_own_and_all_are_closed(multiplies: Callable[[int], Path], count: int) -> None:
    before = count_sessions()
    with open_app(multiplies(4), instance_group=[{"kind": "KIND_CPU", "count": count}]) as app:
        app.model("m").open()

        assert count_sessions() - before == count

    assert count_sessions() == before


def test_without_a_group_there_is_one_session(multiplies: Callable[[int], Path]) -> None:
    before = count_sessions()
    with open_app(multiplies(4)) as app:
        app.model("m").open()

        assert count_sessions() - before == 1


def test_many_threads_get_the_answers_of_one_session(multiplies: Callable[[int], Path]) -> None:
    file = multiplies(16)
    rows = np.random.default_rng(3).standard_normal((60, 1, 16)).astype(np.float32)
    with open_app(file) as one:
        expected = [one.model("m").infer({"x": row})["y"] for row in rows]

    with open_app(file, instance_group=TWO) as app, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda row: app.model("m").infer({"x": row})["y"], rows))

    assert all(np.array_equal(answer, wanted) for answer, wanted in zip(answers, expected, strict=True))


@pytest.mark.parametrize("count", [1, 2])
def test_as_many_sessions_run_at_once_as_there_are_instances(
    identity: Write, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    lock, running, most = threading.Lock(), [0], [0]
    full = threading.Barrier(count, timeout=20)

    def counted(session: Any, signature: Any) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            full.wait()
            try:
                return session.run(*arguments)
            finally:
                with lock:
                    running[0] -= 1

        return run

    monkeypatch.setattr(inference, "engine_run", counted)
    group = [{"kind": "KIND_CPU", "count": count}]
    with open_app(identity("FP32"), instance_group=group) as app, ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: app.model("m").infer({"x": np.zeros((1, 3), np.float32)}), range(12)))

    assert most == [count]


def test_closing_returns_the_memory_of_every_instance(multiplies: Callable[[int], Path]) -> None:
    # Weights above 32 MiB, which malloc maps one by one; it keeps smaller ones for the next model.
    command = [sys.executable, "-c", MEMORY, str(multiplies(3072))]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    held, left = map(float, done.stdout.split())
    assert held > 3 * 36 * 0.9
    assert left < 8


@pytest.mark.parametrize(
    ("group", "providers", "found"),
    [
        (TWO, "auto", [[CPU], [CPU]]),
        (TWO, [CPU], [[CPU], [CPU]]),
        (TWO, ["OpenVINOExecutionProvider", CPU], [["OpenVINOExecutionProvider", CPU]] * 2),
        (
            [{"kind": "KIND_GPU", "gpus": [0, 3]}],
            "auto",
            [[{CUDA: {"device_id": 0}}, CPU], [{CUDA: {"device_id": 3}}, CPU]],
        ),
        (
            [{"kind": "KIND_GPU", "gpus": [1]}],
            [TENSORRT, {CUDA: {"cudnn_conv_algo_search": "HEURISTIC"}}, CPU],
            [[{TENSORRT: {"device_id": 1}}, {CUDA: {"cudnn_conv_algo_search": "HEURISTIC", "device_id": 1}}, {CPU: {}}]],
        ),
        (
            [{"kind": "KIND_GPU", "gpus": [0]}, {"kind": "KIND_CPU"}],
            "auto",
            [[{CUDA: {"device_id": 0}}, CPU], [CPU]],
        ),
    ],
)
def test_the_kind_decides_the_providers(group: Any, providers: Any, found: Any) -> None:
    assert providers_of(instance_group=group, providers=providers) == found


@pytest.mark.parametrize(
    ("group", "providers", "text"),
    [
        (TWO, [CUDA, CPU], "KIND_CPU contradicts 'CUDAExecutionProvider' in 'providers'; remove 'providers'"),
        (TWO, [{"DmlExecutionProvider": {}}], "KIND_CPU contradicts 'DmlExecutionProvider'"),
        ([{"kind": "KIND_GPU"}], [CPU], "KIND_GPU needs 'CUDAExecutionProvider' in 'providers'; add it there"),
        ([{"kind": "KIND_GPU"}], [{CUDA: {"device_id": 1}}], "instance_group sets 'device_id' of each instance; remove it"),
    ],
)
def test_providers_that_contradict_the_kind_are_refused(group: Any, providers: Any, text: str) -> None:
    assert text in refusal(instance_group=group, providers=providers)


def test_a_gpu_that_the_wheel_cannot_use_is_a_clear_error(identity: Write) -> None:
    with (
        open_app(identity("FP32"), instance_group=[{"kind": "KIND_GPU", "gpus": [0]}]) as app,
        pytest.raises(ModelLoadError, match=r"pip install onnxruntime-gpu"),
    ):
        app.model("m").open()


def test_every_gpu_where_there_is_none_is_a_clear_error(identity: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with (
        open_app(identity("FP32"), instance_group=[{"kind": "KIND_GPU"}]) as app,
        pytest.raises(ModelLoadError, match=r"every visible GPU, and this process sees none"),
    ):
        app.model("m").open()


def test_a_word_of_tritons_is_refused_with_its_line(identity: Write, tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text(
        "models:\n  m:\n    backend: onnxruntime\n    backends:\n      onnxruntime:\n"
        f"        path: {identity('FP32')}\n        instance_group:\n          - {{kind: KIND_AUTO, count: 2}}\n"
    )

    with pytest.raises(SettingsError) as caught:
        turnout.open(file)

    [problem] = caught.value.problems
    assert problem.where.startswith(f"{file}:8:")
    assert "write KIND_CPU or KIND_GPU here" in problem.message
