"""Fixtures: a small project with a turnout.yaml, and the command."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.cli import main

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
def deploy(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return ``turnout deploy`` in the project's folder."""

    def run(*arguments: object, folder: Path = project, **environment: str) -> subprocess.CompletedProcess[str]:
        words = ["deploy", *map(str, arguments)]
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                main(words)
            except SystemExit as end:
                code = int(end.code or 0)
        written = capfd.readouterr()
        return subprocess.CompletedProcess(words, code, written.out, written.err)

    return run
