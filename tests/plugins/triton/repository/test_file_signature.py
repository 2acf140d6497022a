"""The inputs and outputs of a model's file, merged with the declared ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.file_signature import merge_signatures, read_file_signature

FILE = ModelSignature(
    (TensorSpec("x", "FP32", (-1, 3, -1)), TensorSpec("k", "FP32", (1,), optional=True)),
    (TensorSpec("y", "FP32", (-1, 2)), TensorSpec("z", "INT64", (-1,))),
)


def declare(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = ()) -> ModelDeclaration:
    return ModelDeclaration("m", Path(), inputs, outputs, 8)


def test_without_a_declaration_the_file_counts_without_inputs_that_have_a_default() -> None:
    assert merge_signatures(declare(), FILE, "model.onnx") == ModelSignature(FILE.inputs[:1], FILE.outputs)


def test_a_declaration_may_narrow_a_free_size_and_omit_an_output() -> None:
    narrow = TensorSpec("x", "FP32", (-1, 3, 5))

    found = merge_signatures(declare(narrow, outputs=FILE.outputs[1:]), FILE, "model.onnx")

    assert found == ModelSignature((narrow,), FILE.outputs[1:])


def test_the_order_is_that_of_the_file() -> None:
    found = merge_signatures(declare(outputs=(FILE.outputs[1], FILE.outputs[0])), FILE, "model.onnx")

    assert found.outputs == FILE.outputs


def test_a_size_that_the_file_fixes_for_an_input_stays_fixed() -> None:
    wide = TensorSpec("x", "FP32", (-1, -1, -1))
    fixed = ModelSignature((TensorSpec("x", "FP32", (1, 3, -1)),), FILE.outputs)

    with pytest.raises(ExportError, match=r"declares input 'x' as FP32 \[-1, -1, -1\], model.onnx has FP32 \[-1, 3, -1\]"):
        merge_signatures(declare(wide), FILE, "model.onnx")
    with pytest.raises(ExportError, match=r"model.onnx has FP32 \[1, 3, -1\]"):
        merge_signatures(declare(TensorSpec("x", "FP32", (-1, 3, -1))), fixed, "model.onnx")


def test_torchscript_and_ensembles_have_no_fixed_sizes_of_their_own() -> None:
    wide = TensorSpec("x", "FP32", (-1, -1, -1))

    assert merge_signatures(declare(wide), FILE, "model.pt").inputs == (wide,)


def test_the_datatype_of_an_output_is_no_hint() -> None:
    with pytest.raises(ExportError, match=r"declares output 'y' as FP16 \[-1, 2\], model.onnx has FP32 \[-1, 2\]"):
        merge_signatures(declare(outputs=(TensorSpec("y", "FP16", (-1, 2)),)), FILE, "model.onnx")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (TensorSpec("x", "FP16", (-1, 3, -1)), "declares input 'x' as FP16 [-1, 3, -1], model.onnx has FP32 [-1, 3, -1]"),
        (TensorSpec("x", "FP32", (-1, 4, -1)), "declares input 'x' as FP32 [-1, 4, -1], model.onnx has FP32 [-1, 3, -1]"),
        (TensorSpec("x", "FP32", (-1, 3)), "declares input 'x' as FP32 [-1, 3]"),
        (TensorSpec("X", "FP32", (-1, 3, -1)), "turnout.yaml declares input 'X', model.onnx has: x, k"),
        (TensorSpec("k", "FP32", (1,)), "model.onnx has input 'x' FP32 [-1, 3, -1], which turnout.yaml does not declare"),
    ],
)
def test_a_contradiction_is_refused_with_both_sides(spec: TensorSpec, message: str) -> None:
    with pytest.raises(ExportError) as caught:
        merge_signatures(declare(spec), FILE, "model.onnx")

    assert message in str(caught.value)


def test_torchscript_declares_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"")

    assert read_file_signature(tmp_path / "model.pt") == read_file_signature(None) == ModelSignature()
