from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx
from turnout_direct.export.tensor_lengths import free_lengths
from turnout_direct.options import DirectOptions

PICTURES = TensorSpec("x", "FP32", (-1, 3, 4, 4))
OPTIONS = DirectOptions(loader="factory", factory="somewhere:make")


class CountsRows(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        anchors = torch.arange(len([0, 1, 2]), dtype=x.dtype).repeat(len(x), 1)
        return x.mean(dim=(2, 3)) + anchors


def export(file: Path) -> None:
    export_module(ModelDeclaration("m", inputs=(PICTURES,)), OPTIONS, CountsRows().eval(), file, Onnx())


def test_a_module_that_counts_its_rows_with_len_keeps_a_free_batch(tmp_path: Path) -> None:
    export(tmp_path / "model.onnx")

    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    for rows in (1, 2, 5):
        x = torch.randn(rows, 3, 4, 4)
        np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], CountsRows()(x).numpy(), atol=1e-6)


def test_without_it_the_batch_would_be_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout_direct.export.module_export.free_lengths", lambda _: nullcontext())

    with pytest.raises(ExportError, match="its code fixes axis 0 of input 'x' to 2"):
        export(tmp_path / "model.onnx")


def fail() -> None:
    with free_lengths(CountsRows()):
        assert "len" in globals()
        assert (len("four"), len(torch.zeros(3, 2))) == (4, 3)
        raise ZeroDivisionError


def test_len_is_pythons_own_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        fail()

    assert "len" not in globals()
