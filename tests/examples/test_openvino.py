"""The backend of a third party: installed from wheels in an environment of its own, chosen by one line of YAML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples/third_party/turnout-openvino"
WHEELS = ("core", "plugins/onnxruntime", "plugins/vision")

SETTINGS = """\
backend: {backend}
models:
  blip_caption:
    backends: {{openvino: {{path: REPOSITORY/blip_caption}}, onnxruntime: {{path: REPOSITORY/blip_caption}}}}
  birefnet:
    backends: {{openvino: {{path: REPOSITORY/birefnet}}, onnxruntime: {{path: REPOSITORY/birefnet}}}}
pipelines:
  describe:
    - load_image
    - segment_regions: {{model: birefnet, size: [128, 128]}}
    - caption: {{model: blip_caption, margin: 0.1, processor: CAPTIONER}}
"""


def run(*command: str | Path, folder: Path = ROOT) -> str:
    # Without PYTHONPATH: the environment must find Turnout in its wheel, not in this checkout.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*map(str, command)], check=False, cwd=folder, env=variables, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """The folder of programs of an environment with Turnout and the backend, from wheels."""
    folder = tmp_path_factory.mktemp("openvino")
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv/bin/python"
    run(
        python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, *(f"./{wheel}" for wheel in WHEELS), PLUGIN
    )
    wheels = sorted(folder.glob("*.whl"))
    assert len(wheels) == len(WHEELS) + 1
    run(python, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", "pytest", "onnx", *wheels)
    return python.parent


def write_settings(folder: Path, backend: str) -> Path:
    file = folder / "turnout.yaml"
    text = SETTINGS.format(backend=backend).replace("REPOSITORY", str(ROOT / "model_repository"))
    file.write_text(text.replace("CAPTIONER", str(ROOT / "examples/checkpoints/captioner")), "utf-8")
    return file


def test_the_conformance_kit_and_its_own_tests_pass(environment: Path, tmp_path: Path) -> None:
    output = run(environment / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", PLUGIN / "tests", folder=tmp_path)

    assert " passed" in output
    assert "skipped" not in output


def test_the_command_line_knows_it(environment: Path, tmp_path: Path) -> None:
    write_settings(tmp_path, "openvino")

    assert "openvino     turnout-openvino 0.1.0" in run(environment / "turnout", "plugins", folder=tmp_path)
    assert "openvino: pixel_values FP32 [-1, 3, 128, 128]" in run(environment / "turnout", "check", "--deep", folder=tmp_path)
    verdict = run(environment / "turnout", "verify", "birefnet", "--against", "onnxruntime", "--generate", "2", folder=tmp_path)
    assert "verdict: match" in verdict


def test_one_line_moves_the_demo_to_it_and_the_captions_stay(environment: Path, tmp_path: Path) -> None:
    captions = {}
    for backend in ("onnxruntime", "openvino"):
        write_settings(tmp_path, backend)
        run(
            environment / "turnout", "run", "describe", ROOT / "examples/pictures", "--out", f"{backend}.jsonl", folder=tmp_path
        )
        records = [json.loads(line) for line in (tmp_path / f"{backend}.jsonl").read_text("utf-8").splitlines()]
        captions[backend] = [region["caption"] for record in records for region in record["regions"]]

    assert captions["openvino"] == captions["onnxruntime"]
    assert "a yellow square" in captions["openvino"]
