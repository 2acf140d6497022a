"""Measurements of the demo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.demo.conftest import ROOT


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs ``turnout bench`` in the demo's folder."""
    monkeypatch.delenv("INFERENCE_BACKEND", raising=False)

    def run(*arguments: str) -> Any:
        command = [str(Path(sys.executable).with_name("turnout")), "bench", *arguments, "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout)

    return run


def test_without_an_argument_every_model_of_the_demo_is_measured(bench: Any) -> None:
    measured = bench("--requests", "20")["measured"]

    assert [one["name"] for one in measured] == ["blip_caption", "blip_vqa", "birefnet"]
    assert {one["source"] for one in measured} == {"of pipeline 'describe', run on examples of its steps"}
    assert [[result["callers"] for result in one["results"]] for one in measured] == [[1, 8]] * 3
    assert {result["requests"] for one in measured for result in one["results"]} == {20}


def test_the_pipeline_of_the_demo_is_measured_on_its_pictures(bench: Any) -> None:
    [measured] = bench("describe", "examples/pictures", "--requests", "12", "--concurrency", "2", "-q")["measured"]

    assert (measured["kind"], measured["reference"], measured["requests"]) == ("pipeline", "onnxruntime", 6)
    [result] = measured["results"]
    assert (result["requests"], result["failed"]) == (12, {})
