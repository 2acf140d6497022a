"""Tensors in a model config."""

from __future__ import annotations

from typing import Any

import pytest

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.tensors import DTYPES, TensorSpec
from turnout_triton.repository.config_file import config_from
from turnout_triton.repository.config_tensors import spec_of, tensor_fields

ONNX, PYTORCH = "onnxruntime_onnx", "pytorch_libtorch"
OUTPUT = (TensorSpec("y", "FP32", (-1, 2)),)


def fields(spec: TensorSpec, max_batch_size: int, platform: str = ONNX) -> dict[str, Any]:
    output = OUTPUT if max_batch_size else (TensorSpec("y", "FP32", (2,)),)
    return tensor_fields(ModelSignature((spec,), output), max_batch_size, platform, "m")["input"][0]


@pytest.mark.parametrize("datatype", DTYPES)
@pytest.mark.parametrize(("shape", "max_batch_size"), [((-1, 3), 8), ((-1, 3), 0), ((2, -1), 0), ((-1,), 8)])
def test_a_tensor_comes_back_unchanged(datatype: str, shape: tuple[int, ...], max_batch_size: int) -> None:
    spec = TensorSpec("x", datatype, shape)

    config = config_from({"input": [fields(spec, max_batch_size)]})

    assert spec_of(config.input[0], max_batch_size) == spec


def test_the_batch_axis_is_a_dim_only_without_batches() -> None:
    assert fields(TensorSpec("x", "FP32", (-1, 3)), 8)["dims"] == [3]
    assert fields(TensorSpec("x", "FP32", (-1, 3)), 0)["dims"] == [-1, 3]


def test_one_number_for_each_row_is_reshaped_and_rank_0_is_one_element() -> None:
    assert fields(TensorSpec("x", "INT64", (-1,)), 4) == {
        "name": "x",
        "data_type": "TYPE_INT64",
        "dims": [1],
        "reshape": {"shape": []},
    }
    assert fields(TensorSpec("x", "INT64", ()), 0) == {"name": "x", "data_type": "TYPE_INT64", "dims": [1]}


@pytest.mark.parametrize(
    ("spec", "max_batch_size", "platform", "message"),
    [
        (
            TensorSpec("x", "FP32", None),
            0,
            ONNX,
            "input 'x' has an unknown rank, and Triton needs a known one; declare its shape",
        ),
        (TensorSpec("x", "FP32", (0, 3)), 0, ONNX, "Triton accepts no size 0; export the model with that axis free"),
        (
            TensorSpec("x", "FP32", (4, 3)),
            8,
            ONNX,
            "its first axis is fixed, and max_batch_size is 8; export the model with a free",
        ),
        (TensorSpec("x", "FP32", ()), 8, ONNX, "has rank 0, so no batch axis, and max_batch_size is 8"),
        (TensorSpec("x", "BF16", (-1, 3)), 8, PYTORCH, "is BF16, which Triton's PyTorch backend does not support; convert it"),
        (TensorSpec("x", "UINT16", (-1, 3)), 8, PYTORCH, "is UINT16, which Triton's PyTorch backend does not support"),
        (TensorSpec("x", "BYTES", (-1, 3)), 8, PYTORCH, "is BYTES, which Triton's PyTorch backend does not support"),
        (TensorSpec("x", "FP32", ()), 0, PYTORCH, "has rank 0, which Triton's PyTorch backend does not support"),
        (TensorSpec("x__1", "FP32", (-1,)), 0, PYTORCH, "reads the number at the end of the name as its position; rename it"),
        (TensorSpec("", "FP32", (-1,)), 0, ONNX, "an input is called '', which Triton refuses"),
        (TensorSpec("x\n", "FP32", (-1,)), 0, ONNX, r"an input is called 'x\n', which Triton refuses"),
    ],
)
def test_a_tensor_that_triton_cannot_serve_is_refused_with_the_way_out(
    spec: TensorSpec, max_batch_size: int, platform: str, message: str
) -> None:
    with pytest.raises(ExportError) as caught:
        fields(spec, max_batch_size, platform)

    assert message in str(caught.value)
    assert "model 'm'" in str(caught.value)
    assert fields(TensorSpec("x", "FP32", (-1, 3)), max_batch_size, platform)["name"] == "x"


def test_an_output_without_a_batch_axis_is_refused_too() -> None:
    signature = ModelSignature((TensorSpec("x", "FP32", (-1,)),), (TensorSpec("y", "FP32", (3,)),))

    with pytest.raises(ExportError, match=r"output 'y' is FP32 \[3\]: its first axis is fixed"):
        tensor_fields(signature, 8, ONNX, "m")


def test_unknown_inputs_must_be_declared() -> None:
    with pytest.raises(ExportError, match=r"the model's file does not declare its inputs; declare them in turnout.yaml"):
        tensor_fields(ModelSignature((), OUTPUT), 8, PYTORCH, "m")
