from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx
from turnout_direct.export.torchscript import TorchScript
from turnout_direct.options import DirectOptions

OPTIONS = DirectOptions(loader="factory", factory="somewhere:make")
FORMATS = pytest.mark.parametrize("form", [Onnx(), TorchScript()], ids=["onnx", "torchscript"])


class Applies(nn.Module):
    """Answers with a function of ``x`` and ``text``."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x, text):
        return self.function(x, text)


DEPENDENT = {
    "scores of every image for every text": (lambda x, text: x @ text.T, "axis 1 depends on the other rows"),
    "batch normalization in training": (
        lambda x, text: nn.functional.batch_norm(x.unsqueeze(2) * text.unsqueeze(1), None, None, training=True),
        "differs alone",
    ),
    "mean over the batch": (lambda x, text: x - text.mean(dim=0), "row 0 of output 'output' differs alone and in a batch of 2"),
    "softmax over the batch": (lambda x, text: torch.softmax(x * text, dim=0), "differs alone"),
    "no batch axis": (lambda x, text: (x * text).sum(dim=0), "it has no row for each request"),
    "a loss": (lambda x, text: (x * text).mean().reshape(1), "it has no row for each request"),
    "rows of several requests in one axis": (lambda x, text: (x * text).reshape(-1, 2), "it has no row for each request"),
    "padding to the longest": (lambda x, text: x * (text.abs().sum(1) / text.abs().sum(1).max())[:, None], "differs alone"),
    "order of the rows": (lambda x, text: torch.sort(x + text, dim=0)[0], "differs alone"),
}


def declared(largest: int) -> ModelDeclaration:
    inputs = (TensorSpec("x", "FP32", (-1, 4)), TensorSpec("text", "FP32", (-1, 4)))
    return ModelDeclaration("clip", inputs=inputs, max_batch_size=largest)


@pytest.mark.parametrize("kind", DEPENDENT)
def test_rows_that_depend_on_each_other_are_refused_in_torchscript(kind, file):
    assert_refused(kind, TorchScript(), file)


@pytest.mark.parametrize("kind", ["scores of every image for every text", "mean over the batch", "no batch axis"])
def test_rows_that_depend_on_each_other_are_refused_in_onnx(kind, file):
    assert_refused(kind, Onnx(), file)


def assert_refused(kind: str, form: Any, file: Path) -> None:
    function, words = DEPENDENT[kind]

    with pytest.raises(ExportError) as refused:
        export_module(declared(8), OPTIONS, Applies(function), file, form)

    text = str(refused.value)
    assert "its rows depend on each other: " in text
    assert words in text
    assert "write 'max_batch_size: 1' in turnout.yaml" in text
    assert not file.exists()


@FORMATS
@pytest.mark.parametrize("largest", [0, 1])
def test_requests_that_no_server_merges_may_have_such_rows(largest, form, file):
    export_module(declared(largest), OPTIONS, Applies(DEPENDENT["scores of every image for every text"][0]), file, form)

    assert file.exists()


@FORMATS
def test_independent_rows_are_proved_up_to_the_largest_batch(form, file):
    reports: list[Any] = []

    export_module(declared(8), OPTIONS, Applies(lambda x, text: torch.softmax(x * text, dim=1)), file, form, reports.append)

    assert reports[0]["independent_rows"] == [2, 3, 8]


def test_a_dependence_that_only_the_largest_batch_has_is_refused(file):
    def crowded(x, text):
        return x + text + (torch.cumsum(torch.ones_like(x), dim=0).max() > 20)

    with pytest.raises(ExportError, match="differs alone and in a batch of 32"):
        export_module(declared(32), OPTIONS, Applies(crowded), file, Onnx())
