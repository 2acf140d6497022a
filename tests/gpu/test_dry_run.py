"""Every part of the check runs on the CPU with tiny sizes, so that it works the first time on a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import gpu_check

from turnout_direct.options import DirectOptions

pytestmark = pytest.mark.filterwarnings("default")

# What this version of Turnout does not have yet.
MISSING = {*(["instances"] if "instance_group" not in DirectOptions.model_fields else [])}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("part", gpu_check.PARTS)
def test_a_part_runs(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)  # compiling takes a minute on a CPU

    found = gpu_check.outcome(part, dry=True)

    assert found["status"] == ("not run" if part in MISSING else "passed"), found


def test_without_a_gpu_nothing_runs_and_the_record_says_why(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    record = tmp_path / "record.json"

    ran = subprocess.run(
        [sys.executable, gpu_check.__file__, "--here", "--out", str(record)], capture_output=True, text=True, check=False
    )

    written = json.loads(record.read_text())
    assert ran.returncode == 2
    assert ran.stdout.startswith(f"no CUDA device: torch {torch.__version__} finds none")
    assert {part["status"] for part in written["parts"].values()} == {"not run"}
    assert written["parts"].keys() == gpu_check.PARTS.keys()
    assert written["versions"]["torch"] == torch.__version__


def test_a_part_that_raises_has_failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(gpu_check.PARTS, "planted", 60)

    found = gpu_check.watched("planted", dry=True)

    assert (found["status"], found["reason"]) == ("failed", "ModuleNotFoundError: No module named 'gpu_parts.planted'")
    assert "Traceback" in found["output"]


def test_a_part_that_is_not_done_in_its_time_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_check, "DRY_SECONDS", 0.05)

    found = gpu_check.watched("precision", dry=True)

    assert (found["status"], found["reason"]) == ("failed", "it was not done after 0.05 s")


def test_a_part_whose_process_dies_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_check.sys, "executable", "/bin/false")

    found = gpu_check.watched("precision", dry=True)

    assert (found["status"], found["reason"]) == ("failed", "its process ended with 1")
