from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.export import deform_conv
from turnout_direct.export.deform_conv import DeformConvAsGridSample
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx
from turnout_direct.export.torchscript import TorchScript
from turnout_direct.options import DirectOptions

PICTURES = TensorSpec("pixel_values", "FP32", (-1, 3, 64, 48))
FORMATS = {"onnx": Onnx(), "torchscript": TorchScript()}


@pytest.fixture
def torchvision(_modules: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return a module with the layout of ``torchvision.ops``, and register its operator."""
    ops = importlib.import_module("turnout_test_torchvision")
    with torch.library._scoped_library("torchvision", "DEF") as library:
        library.define(ops.SCHEMA)
        library.impl("deform_conv2d", ops.plain, "CPU")
        yield ops


@pytest.fixture
def deformable(torchvision: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return modules that imported their convolutions from ``torchvision.ops``."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
        patch.setitem(sys.modules, "torchvision.ops", torchvision)
        return importlib.import_module("turnout_test_deformable")


def pictures(rows: int, height: int = 64, width: int = 48) -> torch.Tensor:
    return torch.randn(rows, 3, height, width, generator=torch.Generator().manual_seed(rows))


def export(module: torch.nn.Module, file: Path, form: str, spec: TensorSpec = PICTURES) -> None:
    options = DirectOptions(loader="factory", factory="somewhere:make", returns={"logits": -1})
    export_module(ModelDeclaration("m", inputs=(spec,)), options, module.eval(), file, FORMATS[form])


def run(file: Path, form: str, x: torch.Tensor) -> np.ndarray:
    if form == "onnx":
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return session.run(None, {"pixel_values": x.numpy()})[0]
    with allow_torchscript(), torch.inference_mode():
        return torch.jit.load(str(file))(x).numpy()


# (channels, outputs, kernel, stride, padding, dilation, groups, offset groups, height, width)
CASES = [
    (4, 6, (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, 7, 9),
    (4, 6, (3, 3), (2, 1), (0, 2), (1, 1), 2, 1, 8, 5),
    (4, 4, (1, 1), (1, 1), (0, 0), (1, 1), 1, 4, 5, 5),
    (6, 4, (2, 3), (1, 2), (2, 1), (2, 3), 2, 3, 11, 10),
    (4, 4, (5, 1), (3, 3), (4, 0), (1, 1), 4, 2, 6, 7),
    (2, 3, (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, 1, 4),
]


def arguments(case: Any, *, masked: bool, biased: bool, spread: float = 2.0) -> tuple[Any, ...]:
    """Return the operator's arguments for ``case``: three rows, offsets that reach outside the images."""
    channels, outputs, kernel, stride, padding, dilation, groups, offset_groups, height, width = case
    random = torch.Generator().manual_seed(channels)
    lost = [dilation[axis] * (kernel[axis] - 1) + 1 for axis in (0, 1)]
    size = [(n + 2 * padding[axis] - lost[axis]) // stride[axis] + 1 for axis, n in enumerate((height, width))]
    taps = offset_groups * kernel[0] * kernel[1]
    x = torch.randn(3, channels, height, width, generator=random)
    weight = torch.randn(outputs, channels // groups, *kernel, generator=random)
    offset = torch.randn(3, 2 * taps, *size, generator=random) * spread
    mask = torch.rand(3, taps, *size, generator=random) if masked else torch.zeros(3, 1)
    bias = torch.randn(outputs, generator=random) if biased else torch.zeros(outputs)
    return x, weight, offset, mask, bias, *stride, *padding, *dilation, groups, offset_groups, masked


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("masked", "biased"), [(False, True), (True, False)])
def test_it_equals_the_definition_place_by_place(case, masked, biased, torchvision):
    given = arguments(case, masked=masked, biased=biased)
    expected = torchvision.plain(*given)

    with DeformConvAsGridSample():
        got = torch.ops.torchvision.deform_conv2d(*given)

    assert got.shape == expected.shape
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-5)


def test_half_precision_counts_pixels_exactly(torchvision):
    given = arguments((4, 4, (1, 1), (1, 1), (0, 0), (1, 1), 1, 1, 1, 600), masked=False, biased=True)
    half = [value.bfloat16() if isinstance(value, torch.Tensor) else value for value in given]
    expected = torchvision.plain(*half)

    with DeformConvAsGridSample():
        got = torch.ops.torchvision.deform_conv2d(*half)

    torch.testing.assert_close(got, expected, atol=0.02, rtol=0.02)


def test_without_offsets_it_is_a_convolution(torchvision):
    x, weight, offset, mask, bias, *numbers = arguments(CASES[0], masked=False, biased=True, spread=0.0)

    with DeformConvAsGridSample():
        got = torch.ops.torchvision.deform_conv2d(x, weight, offset, mask, bias, *numbers)

    torch.testing.assert_close(got, torch.nn.functional.conv2d(x, weight, bias, padding=1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("wrong", ["stride", "padding", "dilation", "mask", "axes"])
def test_a_wrong_variant_is_detected(wrong, torchvision):
    given = list(arguments(CASES[3], masked=True, biased=True))
    expected = torchvision.plain(*given)
    index = {"stride": 5, "padding": 7, "dilation": 9}.get(wrong)
    if index:
        given[index] += 1
    if wrong == "mask":
        given[-1] = False
    if wrong == "axes":
        given[2] = given[2].unflatten(1, (-1, 2)).flip(2).flatten(1, 2)

    with DeformConvAsGridSample():
        got = torch.ops.torchvision.deform_conv2d(*given)

    assert (got - expected).abs().max() > 0.1


def test_the_operator_is_restored_afterwards_and_unchanged_in_other_threads(torchvision, monkeypatch):
    given = arguments(CASES[0], masked=False, biased=True)
    seen = []
    monkeypatch.setattr(deform_conv, "deform_conv2d", lambda *args: seen.append(args) or args[0])

    with DeformConvAsGridSample(), ThreadPoolExecutor(1) as pool:
        torch.ops.torchvision.deform_conv2d(*given)
        torch.ops.torchvision.deform_conv2d.default(*given)
        elsewhere = pool.submit(torch.ops.torchvision.deform_conv2d, *given).result(timeout=60)
    afterwards = torch.ops.torchvision.deform_conv2d(*given)

    assert len(seen) == 2
    assert elsewhere.shape == afterwards.shape == (3, 6, 7, 9)


@pytest.mark.campaign
@pytest.mark.parametrize("form", FORMATS)
def test_a_net_like_birefnet_keeps_its_batch_axis_free(form, deformable, tmp_path):
    module = deformable.Segmenter()
    file = tmp_path / "model"

    export(module, file, form)

    for rows in (1, 2, 5):
        with torch.inference_mode():
            expected = module(pictures(rows))[-1].numpy()
        assert np.abs(run(file, form, pictures(rows)) - expected).max() < 1e-5


@pytest.mark.parametrize("form", FORMATS)
def test_free_picture_sizes_stay_free_and_a_bare_operator_is_replaced_too(form, deformable, tmp_path):
    torch.manual_seed(0)
    module = deformable.ByOperator()
    file = tmp_path / "model"
    spec = TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("turnout_direct.export.traceable.FREE_IMAGE_SIZE", 8)
        export(module, file, form, spec)

    for rows, height, width in ((1, 9, 13), (4, 12, 5)):
        with torch.inference_mode():
            expected = module(pictures(rows, height, width)).numpy()
        assert np.abs(run(file, form, pictures(rows, height, width)) - expected).max() < 1e-5


def test_the_graph_has_grid_samples_and_no_deform_conv(deformable, tmp_path):
    export(deformable.ByOperator(), tmp_path / "model.onnx", "onnx")

    model = onnx.load(str(tmp_path / "model.onnx"))
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("GridSample") == 3
    assert "DeformConv" not in operators
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 20}


@pytest.mark.parametrize("form", FORMATS)
def test_without_the_replacement_the_operator_is_named(form, deformable, tmp_path, monkeypatch):
    monkeypatch.setattr(deform_conv, "_OPERATOR", set())

    with pytest.raises(ExportError, match=r"operator 'torchvision(::|\.)deform_conv2d.*' has no .* form"):
        export(deformable.ByOperator(), tmp_path / "model", form)
