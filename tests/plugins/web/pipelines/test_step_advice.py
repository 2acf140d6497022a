"""A model whose pictures have a fixed size, in a step that makes others: the advice fits the step."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.plugins.web.demo_server import PICTURES, REPOSITORY

import turnout
from turnout.errors import InvalidTensorError, PipelineFailedError

SETTINGS = """\
models:
  birefnet:
    backend: onnxruntime
    backends: {onnxruntime: {path: birefnet.onnx}}
pipelines:
  cut:
    - load_image
    - segment_regions: {model: birefnet%s}
"""
PICTURE = next(iter(sorted(PICTURES.glob("*.jpg"))))


def _run(folder: Path, options: str) -> turnout.PipelineResult:
    shutil.copy(REPOSITORY / "model_repository/birefnet/1/model.onnx", folder / "birefnet.onnx")
    (folder / "turnout.yaml").write_text(SETTINGS % options)
    with turnout.open(folder / "turnout.yaml") as app:
        return app.pipeline("cut").run({"image": str(PICTURE), "regions": [[0, 0, 40, 40]]})


def test_a_size_that_the_model_does_not_take_is_an_option_of_the_step(tmp_path: Path) -> None:
    with pytest.raises(PipelineFailedError) as caught:
        _run(tmp_path, "")

    assert "got FP32 [1, 3, 1024, 1024], for model 'birefnet'; write `size: [128, 128]` in the step" in str(caught.value)
    assert "convert it before the call" not in str(caught.value)
    [failure] = caught.value.failures
    assert isinstance(failure.error, InvalidTensorError)
    assert failure.error.field == "pixel_values"
    assert not _run(tmp_path, ", size: [128, 128]").failures


def test_another_fault_of_the_tensor_keeps_its_own_advice(tmp_path: Path) -> None:
    with pytest.raises(PipelineFailedError, match="has no input 'picture'; it takes: pixel_values"):
        _run(tmp_path, ", input: picture, size: [128, 128]")
