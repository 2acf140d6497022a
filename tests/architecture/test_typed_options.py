"""mypy checks the ``create`` of a declaration against its options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PLUGIN = """
from turnout import Backend, ModelDeclaration, ModelInference, Options, PipelineStep, Step, StepDeclaration

class Mine(Options):
    path: str

class Other(Options):
    url: str

def open_model(model: ModelDeclaration, options: Mine) -> ModelInference:
    raise NotImplementedError

def create_step(declaration: StepDeclaration, options: Mine) -> PipelineStep:
    return PipelineStep()

right_backend = Backend("mine", open_model, Mine)
right_step = Step("mine", create_step, Mine)
wrong_backend = Backend("mine", open_model, Other)
wrong_step = Step("mine", create_step, Other)
"""


def test_create_must_take_the_options_of_its_declaration(tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN)
    wrong = [number for number, line in enumerate(PLUGIN.splitlines(), 1) if line.startswith("wrong")]
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", tmp_path / "cache", file]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)

    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [int(line.split(":")[1]) for line in errors] == wrong, done.stdout
