"""The last lines of ``make demo``, typed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def last_lines() -> list[str]:
    """Return what ``make demo`` prints at its end."""
    made = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True)
    echoes = [line for line in made.stdout.splitlines() if line.startswith("echo ")]
    return subprocess.run(["sh", "-c", "\n".join(echoes)], capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model_repository", "examples/pictures", "examples/checkpoints"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "turnout.yaml", tmp_path)
    return tmp_path


def test_the_demo_says_where_turnout_is() -> None:
    assert f"turnout is {ROOT}/.venvs/demo/bin/turnout. What to do now, in this folder:" in last_lines()


def test_every_command_that_the_demo_suggests_works(folder: Path) -> None:
    here = Path(sys.executable).parent
    typed = [line.strip().replace("FOLDER", "examples/pictures") for line in last_lines() if line.startswith("  ")]
    commands = [line for line in typed if line.startswith("turnout ")]
    environment = {name: text for name, text in os.environ.items() if name not in ("INFERENCE_BACKEND", "TRITON_URL")}
    environment["PATH"] = f"{here}{os.pathsep}{environment['PATH']}"

    for command in commands:
        ended = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (command, ended.stderr)

    assert len(commands) == 3
    assert list((folder / "out/mine").iterdir())
    assert (folder / "mine.yaml").is_file()
