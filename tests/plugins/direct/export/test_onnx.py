from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.errors import ExportError, MissingDependencyError, ModelLoadError
from turnout.tensors import TensorSpec
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx, export_onnx
from turnout_direct.options import DirectOptions

PICTURES = TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32))
FREE_PICTURES = TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1))


def options_of(**settings: Any) -> DirectOptions:
    return DirectOptions(loader="factory", factory="somewhere:make", **settings)


def run(file: Path, **arrays: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(None, arrays)


def pictures(rows: int, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.randn(rows, 3, height, width, generator=torch.Generator().manual_seed(rows))


def test_a_convolutional_net_with_a_list_of_outputs_keeps_its_batch_axis_free(file, nets):
    torch.manual_seed(0)
    module = nets.Segmenter().eval()

    signature = export_module(
        ModelDeclaration("m", inputs=(PICTURES,)), options_of(returns={"logits": -1}), module, file, Onnx()
    )

    assert signature == ModelSignature((PICTURES,), (TensorSpec("logits", "FP32", (-1, 1, 32, 32)),))
    for rows in range(1, 6):
        expected = module(pictures(rows))[-1].detach().numpy()
        np.testing.assert_allclose(run(file, pixel_values=pictures(rows).numpy())[0], expected, atol=1e-5)


def test_every_declared_free_axis_stays_free(file, nets):
    module = nets.Segmenter().eval()

    export_module(ModelDeclaration("m", inputs=(FREE_PICTURES,)), options_of(returns={"logits": -1}), module, file, Onnx())

    for rows, height, width in ((1, 32, 48), (3, 64, 20)):
        picture = pictures(rows, height, width)
        expected = module(picture)[-1].detach().numpy()
        np.testing.assert_allclose(run(file, pixel_values=picture.numpy())[0], expected, atol=1e-5)


def test_axes_that_are_declared_with_a_size_are_fixed(file, nets):
    fixed = TensorSpec("pixel_values", "FP32", (2, 3, 32, 32))

    signature = export_module(
        ModelDeclaration("m", inputs=(fixed,)), options_of(returns={"logits": -1}), nets.Segmenter().eval(), file, Onnx()
    )

    assert signature.inputs == (fixed,)


def test_a_class_of_transformers_is_loaded_and_exported(segformer, tmp_path, file):
    options = DirectOptions(loader="transformers", class_="SegformerForSemanticSegmentation", checkpoint="checkpoint")
    request = ExportRequest(ModelDeclaration("segmenter", tmp_path, inputs=(PICTURES,)), options, file)

    signature = export_onnx(request)

    assert signature.outputs == (TensorSpec("logits", "FP32", (-1, 1, 8, 8)),)
    with torch.inference_mode():
        expected = segformer(pictures(4)).logits.numpy()
    np.testing.assert_allclose(run(file, pixel_values=pictures(4).numpy())[0], expected, atol=1e-5)


REFUSED = [
    (
        "DecidesByValues",
        {},
        r"its Python branches on the values of a tensor, in turnout_test_nets.py:\d+ 'if x.sum\(\) > 0:'; write that",
    ),
    ("FixesTheBatch", {}, r"its code fixes axis 0 of input 'pixel_values' to 2; take sizes from x.shape"),
    ("HasNoOperator", {}, r"operator 'aten.linalg_eig' has no ONNX form"),
    ("UsesLibrary", {}, r"operator 'turnout_test::double' has no ONNX form; replace it in the model's code, or keep"),
    ("AloneIsDifferent", {}, r"onnxruntime returns another 'output' .* for a batch of 1: by up to"),
    (
        "ReturnsText",
        {"returns": {"logits": "logits"}},
        r"fails on inputs 'pixel_values' FP32 \[-1, 3, 32, 32\]: InferenceError: .*'logits'",
    ),
    ("Segmenter", {"returns": {"logits": 7}}, r"returned .* which has no 7 for output 'logits'.*correct 'inputs' or 'returns'"),
    ("Segmenter", {"method": "generate"}, r"generate\(\) of class 'Segmenter' cannot be exported; known: BlipForCond"),
]


@pytest.mark.parametrize(("kind", "settings", "reason"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_failed_export_reports_the_reason_and_leaves_no_file(kind, settings, reason, file, capfd, nets):
    declaration = ModelDeclaration("m", inputs=(PICTURES,))

    with pytest.raises(ExportError, match=reason) as caught:
        export_module(declaration, options_of(**settings), getattr(nets, kind)().eval(), file, Onnx())

    assert str(caught.value).startswith("model 'm'")
    assert kind in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not file.exists()
    assert capfd.readouterr() == ("", "")


def test_a_good_model_is_exported_after_one_that_could_not_be(file, nets):
    declaration = ModelDeclaration("m", inputs=(PICTURES,))
    with pytest.raises(ExportError):
        export_module(declaration, options_of(), nets.DecidesByValues(), file, Onnx())

    export_module(declaration, options_of(returns={"logits": -1}), nets.Segmenter().eval(), file, Onnx())

    assert file.exists()


def test_a_model_that_cannot_be_loaded_is_not_an_export_error(tmp_path, file):
    options = DirectOptions(loader="transformers", class_="BlipForConditionalGeneration", checkpoint="./nowhere")

    with pytest.raises(ModelLoadError, match="'m'"):
        export_onnx(ExportRequest(ModelDeclaration("m", tmp_path), options, file))


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_for_writing_and_proving_onnx_is_named(package, file, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(
        MissingDependencyError, match=rf"{package!r} is not installed.*: pip install onnx onnxscript onnxruntime"
    ):
        export_onnx(SimpleNamespace(model=ModelDeclaration("m"), options=options_of(), file=file))


def test_declaring_the_exporter_loads_no_torch():
    code = (
        "import sys; from turnout_direct import plugin; e = next(iter(plugin.turnout_exporters())); "
        "assert (e.format, e.backend, e.filename) == ('onnx', 'direct', 'model.onnx'); assert 'torch' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_torch_export_graph_provides_its_inputs(tmp_path, file, nets):
    module = nets.Segmenter().eval()
    program = torch.export.export(module, (pictures(2),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "model.pt2")
    options = DirectOptions(loader="torch_export", trust=True, path="model.pt2", returns={"logits": -1})

    signature = export_onnx(ExportRequest(ModelDeclaration("m", tmp_path), options, file))

    assert signature.inputs == (TensorSpec("x", "FP32", (-1, 3, 32, 32)),)
    expected = module(pictures(3))[-1].detach().numpy()
    np.testing.assert_allclose(run(file, x=pictures(3).numpy())[0], expected, atol=1e-5)
