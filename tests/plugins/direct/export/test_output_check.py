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
from turnout_direct.export import output_check
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


def test_rows_of_megapixels_are_checked_alone(traceable, monkeypatch):
    monkeypatch.setattr(traceables, "LARGE_ROW_ELEMENTS", 3)

    assert output_check._batches(traceable) == (1,)


def test_a_file_that_onnxruntime_cannot_load_or_run_is_refused(traceable, file):
    with pytest.raises(ExportError, match=r"onnxruntime cannot run it on 'x' \[1, 3\]: .*INVALID_ARGUMENT"):
        check_outputs(file, replace(traceable, example=lambda batch: (torch.ones(batch, 3),), reference=lambda x: (x,)), Onnx())

    file.write_bytes(b"no graph")

    with pytest.raises(ExportError, match="onnxruntime cannot load it"):
        check_outputs(file, traceable, Onnx())


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
    with pytest.raises(
        ExportError, match=r"by up to 1, in values up to .*; other sizes are right, so its code branches on x\.shape"
    ):
        check_outputs(file, traceable, WrongRuns({0}))


def test_a_number_that_always_differs_is_not_blamed_on_sizes(traceable, file):
    with pytest.raises(ExportError, match="its code does something that the written graph does not") as refused:
        check_outputs(file, traceable, WrongRuns(set(range(99))))

    assert "x.shape" not in str(refused.value)


def test_a_random_model_is_called_random(file):
    declaration = ModelDeclaration("m", inputs=(TensorSpec("x", "FP32", (-1, 400)),))
    random = forward_traceable(declaration, OPTIONS, RandomScale())
    write_onnx(random, file)

    with pytest.raises(ExportError, match="torch itself answers differently from call to call: remove dropout, sampling"):
        check_outputs(file, random, Onnx())


class RandomScale(nn.Module):
    """Dropout that is always on."""

    def forward(self, x):
        return torch.nn.functional.dropout(x, 0.5, training=True)


def half_precision(traceable: Traceable, dtype: str, noise: float, truth: Any) -> Traceable:
    """Return a model whose answers in torch differ from its file's by ``noise`` of the greatest value."""
    answer = lambda x: (traceable.reference(x)[0] * (1 + noise),)  # noqa: E731
    return replace(traceable, reference=answer, dtype=dtype, truth=truth)


@pytest.mark.parametrize(("dtype", "noise"), [("float16", 5e-3), ("bfloat16", 2e-2)])
def test_the_tolerance_follows_the_precision(dtype, noise, traceable, file):
    assert sorted(check_outputs(file, half_precision(traceable, dtype, noise, None), Onnx())) == [1, 3]

    with pytest.raises(ExportError, match="does something that the written graph does not"):
        check_outputs(file, half_precision(traceable, "float32", noise, None), Onnx())


def test_a_file_that_is_nearer_to_float32_than_torch_in_half_precision_passes(traceable, file):
    deep = half_precision(traceable, "float16", 0.1, traceable.reference)

    assert sorted(check_outputs(file, deep, Onnx())) == [1, 3]


def test_a_file_further_from_float32_than_torch_in_half_precision_is_refused(traceable, file):
    wrong = half_precision(traceable, "float16", 0.1, lambda x: (traceable.reference(x)[0] * 1.1,))

    with pytest.raises(
        ExportError, match=r"float16 rounds more than the export allows \(0\.01\): set 'dtype: float32', or keep"
    ):
        check_outputs(file, wrong, Onnx())


def test_a_model_that_cannot_run_in_float32_is_compared_in_half_precision(traceable, file):
    def insists(x: torch.Tensor) -> Any:
        raise RuntimeError("expected Half")

    assert sorted(check_outputs(file, half_precision(traceable, "float16", 5e-3, insists), Onnx())) == [1, 3]
    with pytest.raises(ExportError, match="float16 rounds more"):
        check_outputs(file, half_precision(traceable, "float16", 0.1, insists), Onnx())
