"""Fixtures: a small project with a turnout.yaml, and the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]

YAML = """\
backend: ${BACKEND:-onnxruntime}
models:
  segmenter:
    max_batch_size: 8
    dynamic_batching: {}
    backends:
      onnxruntime: {path: models/segmenter}
      triton:
        url: ${SERVERS:-localhost:8001}
        headers: {authorization: "Bearer ${KEY:-none}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a turnout.yaml whose model may move to Triton."""
    folder = tmp_path / "project"
    (folder / "models/segmenter/1").mkdir(parents=True)
    (folder / "models/segmenter/1/model.onnx").write_bytes(b"")
    (folder / "turnout.yaml").write_text(YAML, "utf-8")
    return folder


@pytest.fixture
def deploy(project: Path) -> Run:
    """Return ``turnout deploy`` in the project's folder."""

    def run(*arguments: object, folder: Path = project, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("turnout"), "deploy", *map(str, arguments)],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
