from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx
from turnout_direct.export.transformers_checks import VARIABLE, without_checks
from turnout_direct.options import DirectOptions

INPUT = TensorSpec("x", "FP32", (-1, 4))
OPTIONS = DirectOptions(loader="factory", factory="somewhere:make")


class ChecksATensor(torch.nn.Module):
    """Compares sizes as RT-DETRv2 does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from transformers.utils import torch_compilable_check

        torch_compilable_check(torch.tensor([2, 2]).sum() == x.shape[1], "sizes differ")
        return x * 2


def export(file: Path) -> None:
    export_module(ModelDeclaration("m", inputs=(INPUT,)), OPTIONS, ChecksATensor().eval(), file, Onnx())


def test_a_module_that_checks_its_tensors_is_exported(tmp_path: Path) -> None:
    export(tmp_path / "model.onnx")

    assert (tmp_path / "model.onnx").is_file()


def test_with_the_checks_it_has_no_onnx_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout_direct.export.module_export.without_checks", nullcontext)

    with pytest.raises(ExportError, match="cannot be written as ONNX"):
        export(tmp_path / "model.onnx")


@pytest.mark.parametrize("before", ["0", None])
def test_the_variable_is_as_before(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)

    with without_checks():
        assert os.environ[VARIABLE] == "1"

    assert os.environ.get(VARIABLE) == before
