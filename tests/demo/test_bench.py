"""Measurements of the demo, on ONNX Runtime and on a real Triton server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.demo.conftest import ROOT

TURNOUT = str(Path(sys.executable).with_name("turnout"))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs ``turnout bench`` in the demo's folder, or in another one."""
    monkeypatch.delenv("INFERENCE_BACKEND", raising=False)

    def run(*arguments: str, folder: Path = ROOT, **variables: str) -> Any:
        command = [TURNOUT, "bench", *arguments, "--json"]
        environment = os.environ | variables
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    server_room = pytest.importorskip("turnout_triton.server")
    with server_room.LocalServer(ROOT / "model_repository", server_room.ServerOptions(grace_seconds=0)) as running:
        yield running


def test_without_an_argument_every_model_of_the_demo_is_measured(bench: Any) -> None:
    measured = bench("--requests", "20")["measured"]

    assert [one["name"] for one in measured] == ["blip_caption", "blip_vqa", "birefnet"]
    assert {one["source"] for one in measured} == {"of pipeline 'describe', run on examples of its steps"}
    arms = [[(result["callers"], result["batching"]) for result in one["results"]] for one in measured]
    assert arms == [[(1, True), (1, True), (8, True), (8, True), (8, False)]] * 3
    assert [result["delay"] for result in measured[0]["results"]] == [None, 0, None, 0, None]
    assert {result["requests"] for one in measured for result in one["results"]} == {20}
    assert {verdict["backend"] for one in measured for verdict in one["verdicts"]} == {"onnxruntime"}


def test_the_batches_of_this_process_are_seen(bench: Any) -> None:
    [measured] = bench("blip_caption", "--requests", "160", "--concurrency", "8")["measured"]

    delayed, merged, single = measured["results"]
    assert delayed["batch_size"] > 1.5
    assert delayed["parts"]["queue"] > 0
    assert merged["delay"] == 0
    assert single["batch_size"] is None
    for one in measured["results"]:
        assert sum(one["parts"].values()) == pytest.approx(one["latency_seconds"]["mean"])


def test_the_pipeline_of_the_demo_is_measured_on_its_pictures(bench: Any) -> None:
    [measured] = bench("describe", "examples/pictures", "--requests", "12", "--concurrency", "2", "-q")["measured"]

    assert (measured["kind"], measured["reference"], measured["requests"]) == ("pipeline", "onnxruntime", 6)
    merged, single = measured["results"]
    assert (merged["requests"], merged["failed"], merged["batching"], single["batching"]) == (12, {}, True, False)
    assert {"process", "preprocess", "compute", "postprocess"} <= set(merged["parts"])
    assert sum(merged["parts"].values()) == pytest.approx(merged["latency_seconds"]["mean"])


def test_a_real_server_shows_where_the_time_goes(bench: Any, server: Any) -> None:
    arguments = ("birefnet", "--against", "triton", "--requests", "120", "--concurrency", "1,8", "--batching", "written")
    [measured] = bench(*arguments, TRITON_URL=server.grpc_url)["measured"]

    alone, many = (one for one in measured["results"] if one["backend"] == "triton")
    for one in (alone, many):
        assert {"encode", "wire", "server queue", "server compute", "decode"} <= set(one["parts"])
        assert sum(one["parts"].values()) == pytest.approx(one["latency_seconds"]["mean"])
        assert sum(int(rows) * count for rows, count in one["batch_sizes"].items()) == pytest.approx(120, abs=16)
    assert alone["batch_sizes"].keys() == {"1"}
    assert many["batch_size"] > 1
    assert [verdict["backend"] for verdict in measured["verdicts"]] == ["triton"]


def test_a_pipeline_on_a_real_server_is_measured_beside_this_process(bench: Any, server: Any) -> None:
    arguments = ("describe", "examples/pictures", "--against", "triton", "--requests", "12", "--concurrency", "2")
    [measured] = bench(*arguments, "--batching", "written", TRITON_URL=server.grpc_url)["measured"]

    local, served = measured["results"]
    assert (local["backend"], served["backend"]) == ("onnxruntime", "triton")
    assert {"preprocess", "encode", "wire", "server queue", "server compute", "decode"} <= set(served["parts"])


def test_what_is_recommended_is_written_into_both_files(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recommendation is planted: what the machine shows depends on its load."""
    from turnout.commands.bench.recommendation import Recommendation
    from turnout.commands.bench.write_back import write_recommendation

    shutil.copytree(ROOT / "model_repository", tmp_path / "model_repository")
    shutil.copytree(ROOT / "examples" / "checkpoints", tmp_path / "examples" / "checkpoints")
    file = tmp_path / "turnout.yaml"
    shutil.copy(ROOT / "turnout.yaml", file)
    monkeypatch.chdir(tmp_path)

    written = write_recommendation(Path("turnout.yaml"), "blip_caption", Recommendation("x", delay=700))

    assert "max_queue_delay_microseconds: 700}" in file.read_text("utf-8").partition("blip_vqa")[0]
    assert "# <- " in file.read_text("utf-8") or "# yours: " in file.read_text("utf-8")
    assert "model_repository/blip_caption/config.pbtxt" in written.configuration
    config = (tmp_path / "model_repository" / "blip_caption" / "config.pbtxt").read_text("utf-8")
    assert "max_queue_delay_microseconds: 700" in config
