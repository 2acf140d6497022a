from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from turnout import InferenceRequest
from turnout.errors import ModelLoadError
from turnout_onnxruntime.options import OnnxruntimeOptions
from turnout_onnxruntime.providers import CPU
from turnout_onnxruntime.session import open_session

Write = Callable[..., Path]
Load = Callable[..., Any]


def open_with(file: Path, *, mem_pattern: bool = True, **options: Any) -> Any:
    known = OnnxruntimeOptions(path=file, **options)
    return open_session(onnxruntime, file, "m", known, providers=CPU, mem_pattern=mem_pattern).get_session_options()


def test_passes_every_option_to_the_session(identity: Write) -> None:
    settings = open_with(
        identity("FP32"),
        intra_op_num_threads=3,
        inter_op_num_threads=2,
        graph_optimization_level="disable",
        execution_mode="parallel",
        enable_mem_pattern=False,
        enable_cpu_mem_arena=False,
        log_severity_level="fatal",
        session_config={"session.intra_op.allow_spinning": False, "session.x": "y", "session.n": 3},
    )

    assert (settings.intra_op_num_threads, settings.inter_op_num_threads) == (3, 2)
    assert settings.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert settings.execution_mode == onnxruntime.ExecutionMode.ORT_PARALLEL
    assert (settings.enable_mem_pattern, settings.enable_cpu_mem_arena) == (False, False)
    assert settings.log_severity_level == 4
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert settings.get_session_config_entry("session.x") == "y"
    assert settings.get_session_config_entry("session.n") == "3"


@pytest.mark.parametrize("level", ["basic", "extended", "all"])
def test_sets_the_graph_optimization_level(level: str, identity: Write) -> None:
    settings = open_with(identity("FP32"), graph_optimization_level=level)

    assert settings.graph_optimization_level == getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level.upper()}")


@pytest.mark.parametrize(
    ("option", "fits", "expected"), [(None, True, True), (None, False, False), (True, False, True), (False, True, False)]
)
def test_the_option_decides_on_the_memory_pattern(option: bool | None, fits: bool, expected: bool, identity: Write) -> None:
    assert open_with(identity("FP32"), mem_pattern=fits, enable_mem_pattern=option).enable_mem_pattern is expected


def test_a_refused_session_config_is_named(identity: Write, load: Load) -> None:
    with pytest.raises(ModelLoadError, match=r"model 'm': ONNX Runtime refuses session_config '': '1': Config key is empty"):
        load(identity("FP32"), session_config={"": True})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"model 'm': ONNX Runtime .* cannot open '.*bad.onnx': .*; write the file again"),
        (b"garbage" * 10, r"Protobuf parsing failed.*write the file again, for instance with: turnout export m --format onnx"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            r"the file is a Git LFS pointer: fetch the model with 'git lfs pull'",
        ),
    ],
)
def test_reports_a_wrong_file(content: bytes, message: str, tmp_path: Path, load: Load) -> None:
    file = tmp_path / "bad.onnx"
    file.write_bytes(content)

    with pytest.raises(ModelLoadError, match=message):
        load(file)


def test_reports_a_truncated_file(identity: Write, load: Load) -> None:
    file = identity("FP32")
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.raises(
        ModelLoadError, match=r"cannot open '.*model.onnx': .*protobuf.*write the file again|Protobuf parsing failed"
    ):
        load(file)


def test_reports_a_missing_operator(identity: Write, load: Load) -> None:
    with pytest.raises(
        ModelLoadError, match=r"NOT_IMPLEMENTED : .*Identity.*; it needs a newer onnxruntime, or another provider"
    ):
        load(identity("INT4"))


def test_keeps_the_memory_arena_and_drops_the_pattern_for_inputs_of_any_size(write: Write, value: Any, load: Load) -> None:
    """Different sizes in sequence give correct answers; a memory pattern planned for one size would fail here."""
    node = helper.make_node("Neg", ["x"], ["y"])
    model = load(write([node], [value("x", "FP32", [-1])], [value("y", "FP32", [-1])]))

    answers = [model.infer(InferenceRequest({"x": np.ones(size, np.float32)}))["y"].sum() for size in (1, 1000, 3, 0, 50)]

    assert answers == [-1, -1000, -3, 0, -50]
