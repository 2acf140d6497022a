from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.export import onnx_file
from turnout_direct.export.forward_traceable import forward_traceable
from turnout_direct.export.onnx_file import check_file, read_signature, write_onnx
from turnout_direct.options import DirectOptions

INPUT = TensorSpec("x", "FP32", (-1, 4))

OPTIONS = DirectOptions(loader="factory", factory="somewhere:make")


@pytest.fixture
def traceable():
    return forward_traceable(ModelDeclaration("m", inputs=(INPUT,)), OPTIONS, nn.Linear(4, 2))


def test_the_file_contains_nothing_about_the_machine_that_wrote_it(traceable, file):
    write_onnx(traceable, file)

    assert str(Path(__file__).parent).encode() not in file.read_bytes()
    assert b"stack_trace" not in file.read_bytes()
    assert b"site-packages" not in file.read_bytes()


def test_without_stripping_the_file_would_hold_the_stack_trace(traceable, file, monkeypatch):
    monkeypatch.setattr(onnx_file, "strip_metadata", lambda model: None)

    write_onnx(traceable, file)

    assert b"stack_trace" in file.read_bytes()


def test_weights_over_the_limit_of_one_file_go_to_a_second_file(traceable, file, monkeypatch):
    monkeypatch.setattr(onnx_file, "ONE_FILE_BYTES", 0)

    write_onnx(traceable, file)
    check_file(file, traceable)

    assert sorted(path.name for path in file.parent.iterdir()) == ["model.onnx", "model.onnx.data"]


def test_the_signature_is_read_from_the_file(traceable, file):
    write_onnx(traceable, file)

    signature = read_signature(file)

    assert signature.inputs == (INPUT,)
    assert signature.outputs == (TensorSpec("output", "FP32", (-1, 2)),)


def test_datatypes_and_scalars_are_read_from_the_file(file):
    kinds = {"FP16": "FLOAT16", "BF16": "BFLOAT16", "INT64": "INT64", "BOOL": "BOOL", "UINT8": "UINT8"}
    values = [onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), [2]) for name, kind in kinds.items()]
    scalar = onnx.helper.make_tensor_value_info("scalar", onnx.TensorProto.DOUBLE, [])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", values, [scalar])), str(file))

    signature = read_signature(file)

    assert [spec.datatype for spec in signature.inputs] == list(kinds)
    assert signature.outputs == (TensorSpec("scalar", "FP64", ()),)


def test_an_axis_that_became_fixed_is_refused(traceable, file):
    write_onnx(replace(traceable, inputs=(TensorSpec("x", "FP32", (2, 4)),)), file)

    with pytest.raises(ExportError, match=r"input 'x' is declared as FP32 \[-1, 4\], but its code allows FP32 \[2, 4\] only"):
        check_file(file, traceable)


def test_a_file_that_violates_the_standard_is_refused(traceable, file):
    write_onnx(traceable, file)
    model = onnx.load(str(file))
    model.graph.node[0].input[0] = "nowhere"
    onnx.save(model, str(file))

    with pytest.raises(ExportError, match=r"model 'm' \(Linear\) cannot be written as ONNX: .*nowhere"):
        check_file(file, traceable)


def test_half_precision_weights_are_written_with_inputs_and_outputs_in_fp32(file):
    options = DirectOptions(loader="factory", factory="somewhere:make", dtype="float16")
    half = forward_traceable(ModelDeclaration("m", inputs=(INPUT,)), options, nn.Linear(4, 2).to(torch.float16))

    write_onnx(half, file)

    assert read_signature(file).outputs == (TensorSpec("output", "FP32", (-1, 2)),)
    assert {weight.data_type for weight in onnx.load(str(file)).graph.initializer} == {onnx.TensorProto.FLOAT16}


def test_torchscript_is_refused_with_advice(file):
    with allow_torchscript():
        module = torch.jit.script(nn.Linear(4, 2))
    traceable = forward_traceable(ModelDeclaration("m", inputs=(INPUT,)), OPTIONS, module)

    with pytest.raises(ExportError, match=r"it is TorchScript; load it from its class or a factory"):
        write_onnx(traceable, file)


def test_an_output_may_have_a_name_that_torch_gives_to_values_inside(file):
    class Named(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"t": (x + 1).T.T * 2, "add": x + x.mean()}

    named = forward_traceable(ModelDeclaration("m", inputs=(TensorSpec("mean", "FP32", (-1, 4)),)), OPTIONS, Named())

    write_onnx(named, file)
    check_file(file, named)

    assert [spec.name for spec in read_signature(file).outputs] == ["t", "add"]


def test_without_other_names_inside_the_file_would_be_refused(file, monkeypatch):
    monkeypatch.setattr(onnx_file, "rename_inner", lambda model: None)

    with pytest.raises((AssertionError, ExportError)):
        test_an_output_may_have_a_name_that_torch_gives_to_values_inside(file)
