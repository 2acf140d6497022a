from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export import onnx, output_check
from turnout_direct.export import traceable as traceables
from turnout_direct.export.file_format import Run
from turnout_direct.export.forward_traceable import forward_traceable
from turnout_direct.export.onnx import Onnx
from turnout_direct.export.onnx_file import write_onnx
from turnout_direct.export.output_check import check_outputs
from turnout_direct.export.traceable import Traceable
from turnout_direct.options import DirectOptions

OPTIONS = DirectOptions(loader="factory", factory="somewhere:make")


@pytest.fixture
def traceable(file):
    declaration = ModelDeclaration("m", inputs=(TensorSpec("x", "FP32", (-1, 4)),))
    traceable = forward_traceable(declaration, OPTIONS, nn.Linear(4, 2))
    write_onnx(traceable, file)
    return traceable


def test_a_correct_file_passes_and_its_error_is_reported(traceable, file):
    reports: list[Any] = []

    check_outputs(file, traceable, Onnx(), reports.append)

    (report,) = reports
    assert (report["runtime"], report["reference"], report["batch_sizes"]) == ("onnxruntime", "torch", [1, 3])
    assert 0 <= report["max_abs_error"]["output"] < 1e-5


def test_the_greatest_difference_of_all_batches_is_reported(traceable, file):
    reports: list[Any] = []

    def answer(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (traceable.reference(x)[0] + (1e-4 if len(x) == 3 else 0),)

    check_outputs(file, replace(traceable, reference=answer), Onnx(), reports.append)

    assert reports[0]["max_abs_error"]["output"] == pytest.approx(1e-4, rel=0.1)


def test_nothing_is_reported_for_a_file_with_other_outputs(traceable, file):
    reports: list[Any] = []

    with pytest.raises(ExportError):
        check_outputs(file, replace(traceable, reference=lambda x: (x[:, :2] * 0,)), Onnx(), reports.append)

    assert reports == []


@pytest.mark.parametrize(
    ("answer", "shape"),
    [(lambda x: (x[:, :2] * 0,), r"\[1, 2\]"), (lambda x: (x,), r"\[1, 4\]"), (lambda x: (x[:, :2] / 0,), "")],
)
def test_outputs_that_differ_from_torch_are_refused(answer, shape, traceable, file):
    with pytest.raises(
        ExportError, match=rf"onnxruntime returns another 'output' \(\[1, 2\]\) than torch \({shape}.*for a batch of 1"
    ):
        check_outputs(file, replace(traceable, reference=answer), Onnx())


def test_another_answer_to_a_larger_batch_is_refused(traceable, file):
    def answer(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return traceable.reference(x) if len(x) == 1 else traceable.reference(x.flip(0))

    with pytest.raises(ExportError, match="batch of 3"):
        check_outputs(file, replace(traceable, reference=answer), Onnx())


def test_whole_numbers_must_be_equal():
    assert output_check._is_close(torch.tensor([7, 8]).numpy(), torch.tensor([7, 8]).numpy())
    assert not output_check._is_close(torch.tensor([7000, 8]).numpy(), torch.tensor([7001, 8]).numpy())


def test_rows_of_megapixels_are_checked_alone(traceable, monkeypatch):
    monkeypatch.setattr(traceables, "LARGE_ROW_ELEMENTS", 3)

    assert output_check._batches(traceable) == (1,)


def test_a_file_that_onnxruntime_cannot_load_or_run_is_refused(traceable, file):
    with pytest.raises(ExportError, match=r"onnxruntime cannot run it on 'x' \[1, 3\]: .*INVALID_ARGUMENT"):
        check_outputs(file, replace(traceable, example=lambda batch: (torch.ones(batch, 3),), reference=lambda x: (x,)), Onnx())

    file.write_bytes(b"no graph")

    with pytest.raises(ExportError, match="onnxruntime cannot load it"):
        check_outputs(file, traceable, Onnx())


def test_without_onnxruntime_a_warning_says_that_the_file_was_not_checked(traceable, file, monkeypatch, caplog):
    monkeypatch.setattr(onnx.importlib.util, "find_spec", lambda name: None)

    with caplog.at_level(logging.WARNING, logger=onnx.__name__):
        check_outputs(file, replace(traceable, reference=lambda x: (x,)), Onnx())

    assert "not checked" in caplog.text


def test_a_batch_on_which_torch_itself_fails_is_reported(traceable, file):
    def answer(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x.reshape(1, 4)[:, :2],) if len(x) > 1 else traceable.reference(x)

    with pytest.raises(ExportError, match=r"torch itself fails on 'x' \[3, 4\]: RuntimeError"):
        check_outputs(file, replace(traceable, reference=answer), Onnx())


class WrongRuns(Onnx):
    """A runtime that returns another token in some of its runs."""

    def __init__(self, wrong: set[int]) -> None:
        self.wrong = wrong

    def open(self, traceable: Traceable, file: Path) -> Run:
        runs = itertools.count()
        return lambda inputs: [traceable.reference(*inputs)[0].numpy() + (next(runs) in self.wrong)]


@pytest.fixture
def generating(traceable):
    """Return a model whose outputs are tokens."""
    return replace(traceable, decoding=traceable.module, reference=lambda x: (x.round().long(),))


def test_a_token_that_differs_once_is_logged_as_a_tie(generating, file, caplog):
    with caplog.at_level(logging.WARNING, logger=output_check.__name__):
        answers = check_outputs(file, generating, WrongRuns({0}))

    assert sorted(answers) == [1, 3]
    assert "model 'm': onnxruntime returns another 'output'" in caplog.text
    assert "two tokens tie" in caplog.text


@pytest.mark.parametrize("wrong", [{0, 1}, {0, 2}, {1, 4}, set(range(9))])
def test_tokens_that_differ_again_are_refused(wrong, generating, file):
    with pytest.raises(ExportError, match="and for other batches; the export is wrong or tokens tie: keep the model on"):
        check_outputs(file, generating, WrongRuns(wrong))


def test_a_number_that_differs_once_is_refused(traceable, file):
    with pytest.raises(ExportError, match="branches on x"):
        check_outputs(file, traceable, WrongRuns({0}))
