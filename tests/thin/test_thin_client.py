"""The thin client: three distributions in an empty environment run the demo's pipeline without a runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnout_triton.server import LocalServer, ServerOptions

ROOT = Path(__file__).parents[2]
RUNTIMES = ("torch", "onnxruntime", "transformers", "onnx")
FIND = "import importlib.util, sys; print([name for name in sys.argv[1:] if importlib.util.find_spec(name)])"


@pytest.fixture(scope="module")
def thin_python(tmp_path_factory) -> Path:
    """Return the Python of a new environment with turnout, turnout-triton and turnout-vision, installed by pip."""
    folder = tmp_path_factory.mktemp("thin") / "environment"
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    sources = [ROOT / "core", ROOT / "plugins" / "triton", ROOT / "plugins" / "vision"]
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    subprocess.run([*install, *sources], check=True)
    return python


def find_packages(python: Path | str, names: tuple[str, ...]) -> str:
    """Return the packages among ``names`` that an environment has, as printed."""
    return subprocess.run([python, "-c", FIND, *names], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.timeout(600)
def test_the_demo_runs_without_torch_onnxruntime_or_transformers(thin_python, tmp_path) -> None:
    results = tmp_path / "results.jsonl"
    with LocalServer(ROOT / "model_repository", ServerOptions(grace_seconds=0)) as server:
        variables = os.environ | {"INFERENCE_BACKEND": "triton", "TRITON_URL": server.grpc_url}
        command = [thin_python.with_name("turnout"), "run", "describe", "examples/pictures", "--out", results]
        subprocess.run(command, check=True, cwd=ROOT, env=variables, timeout=120)

    answers = {Path(line["image"]).name: line for line in map(json.loads, results.read_text().splitlines())}
    meadow = answers["meadow.png"]["regions"]

    assert find_packages(thin_python, RUNTIMES) == "[]"
    assert len(answers) == 6
    assert not any(line["failures"] for line in answers.values())
    assert [region["caption"] for region in meadow] == [
        "a yellow square",
        "a green triangle",
        "a purple star",
        "a yellow triangle",
    ]
    assert [region["answer"] for region in meadow] == ["yellow", "green", "purple", "yellow"]


def test_the_search_for_runtimes_finds_an_installed_one() -> None:
    assert find_packages(sys.executable, ("numpy", "torch_is_not_here")) == "['numpy']"
