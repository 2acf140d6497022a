"""Instances of a demo model at the command line, with the real backends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tests.demo.conftest import ROOT

import turnout
from turnout.cli.group import turnout as command
from turnout.metrics import Metrics

CORES = len(os.sched_getaffinity(0))
SETTINGS = """\
models:
  birefnet:
    backend: onnxruntime
    max_batch_size: 4
    backends:
      onnxruntime: {path: model_repository/birefnet, THREADSinstance_group: [{kind: KIND_CPU, count: COUNT}]}
      triton: {url: localhost:1TRITON}
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "model_repository").mkdir()
    copy = tmp_path / "model_repository" / "birefnet" / "1"
    copy.mkdir(parents=True)
    (copy / "model.onnx").write_bytes((ROOT / "model_repository/birefnet/1/model.onnx").read_bytes())
    monkeypatch.chdir(tmp_path)

    def write_it(count: int, threads: str = "", triton: str = "") -> Path:
        text = SETTINGS.replace("COUNT", str(count)).replace("THREADS", threads).replace("TRITON", triton)
        file = tmp_path / "turnout.yaml"
        file.write_text(text)
        return file

    return write_it


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def findings() -> list[dict[str, Any]]:
    return [found for found in json.loads(run("check", "--json").stdout) if found["what"] == "instances"]


def test_check_warns_of_the_default_threads_and_what_it_says_to_write_removes_the_warning(write: Any) -> None:
    write(2 * CORES)
    first, _ = findings()

    write(CORES, "intra_op_num_threads: 1, ")
    second, _ = findings()

    assert first["note"]
    assert f"write 'intra_op_num_threads: 1' and a count of {CORES} at most" in first["text"]
    assert (second["note"], second["text"]) == (False, f"onnxruntime: {CORES} KIND_CPU")


def test_export_and_check_say_that_the_server_will_run_one_and_what_they_say_to_write_ends_that(write: Any) -> None:
    write(2)
    exported = run("export", "birefnet", "--config-only")
    _, checked = findings()

    write(2, triton=", model_config: {instance_group: [{kind: KIND_CPU, count: 2}]}")
    again = run("export", "birefnet", "--config-only")

    note = "write instance_group: [{kind: KIND_CPU, count: 2}], or [{count: 1}], under backends.triton.model_config"
    assert note in exported.stderr
    assert note in checked["text"]
    assert "instance_group" not in again.stderr
    assert len(findings()) == 1
    assert "count: 2" in Path("model_repository/birefnet/config.pbtxt").read_text()


def test_switch_says_that_the_server_will_run_one(write: Any) -> None:
    write(2)

    switched = run("switch", "birefnet", "triton", "--force", "--dry-run")

    assert "write instance_group: [{kind: KIND_CPU, count: 2}], or [{count: 1}]" in switched.stderr


def test_models_and_status_show_the_instances(write: Any) -> None:
    write(2)

    assert "onnxruntime (2 KIND_CPU)" in run("models").stdout
    assert json.loads(run("models", "--json").stdout)[0]["instance_group"] == ["2 KIND_CPU"]
    assert "serves    onnxruntime, instance_group" in run("status", "birefnet").stdout


def test_two_instances_of_the_demos_segmenter_answer_as_one(write: Any) -> None:
    pictures = np.random.default_rng(5).random((6, 1, 3, 64, 64), np.float32)
    masks = []
    for text in (f"count: {CORES}", "count: 1"):
        file = write(2)
        file.write_text(file.read_text().replace("count: 2", text))
        with turnout.open(file, metrics=Metrics()) as app:
            [spec] = app.model("birefnet").signature().inputs
            shape = [size if size > 0 else 64 for size in (spec.shape or ())[1:]]
            given = [np.resize(picture, (1, *shape)).astype(np.float32) for picture in pictures]
            masks.append([next(iter(app.model("birefnet").infer({spec.name: one}).values())) for one in given])

    assert all(np.array_equal(one, other) for one, other in zip(*masks, strict=True))
