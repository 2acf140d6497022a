"""Tensors in a model config."""

from __future__ import annotations

from typing import Any

import pytest

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.tensors import DTYPES, TensorSpec
from turnout_triton.repository.config_file import config_of
from turnout_triton.repository.tensors import spec_of, tensor_words

ONNX, PYTORCH = "onnxruntime_onnx", "pytorch_libtorch"
OUTPUT = (TensorSpec("y", "FP32", (-1, 2)),)


def words(spec: TensorSpec, max_batch_size: int, platform: str = ONNX) -> dict[str, Any]:
    output = OUTPUT if max_batch_size else (TensorSpec("y", "FP32", (2,)),)
    return tensor_words(ModelSignature((spec,), output), max_batch_size, platform, "m")["input"][0]


@pytest.mark.parametrize("datatype", DTYPES)
@pytest.mark.parametrize(("shape", "max_batch_size"), [((-1, 3), 8), ((-1, 3), 0), ((2, -1), 0), ((-1,), 8)])
def test_a_tensor_comes_back_as_it_was(datatype: str, shape: tuple[int, ...], max_batch_size: int) -> None:
    spec = TensorSpec("x", datatype, shape)

    config = config_of({"input": [words(spec, max_batch_size)]})

    assert spec_of(config.input[0], max_batch_size) == spec


def test_the_batch_axis_is_a_dim_only_without_batches() -> None:
    assert words(TensorSpec("x", "FP32", (-1, 3)), 8)["dims"] == [3]
    assert words(TensorSpec("x", "FP32", (-1, 3)), 0)["dims"] == [-1, 3]


def test_one_number_for_each_row_is_reshaped_and_rank_0_is_one_element() -> None:
    assert words(TensorSpec("x", "INT64", (-1,)), 4) == {
        "name": "x",
        "data_type": "TYPE_INT64",
        "dims": [1],
        "reshape": {"shape": []},
    }
    assert words(TensorSpec("x", "INT64", ()), 0) == {"name": "x", "data_type": "TYPE_INT64", "dims": [1]}


@pytest.mark.parametrize(
    ("spec", "max_batch_size", "platform", "said"),
    [
        (
            TensorSpec("x", "FP32", None),
            0,
            ONNX,
            "input 'x' has a rank that is not known, and Triton needs one; declare its shape",
        ),
        (TensorSpec("x", "FP32", (0, 3)), 0, ONNX, "Triton declares no size 0; export the model with that axis free"),
        (
            TensorSpec("x", "FP32", (4, 3)),
            8,
            ONNX,
            "its first axis is fixed, and max_batch_size is 8; export the model with a free",
        ),
        (TensorSpec("x", "FP32", ()), 8, ONNX, "is one number without a batch axis, and max_batch_size is 8"),
        (TensorSpec("x", "BF16", (-1, 3)), 8, PYTORCH, "is BF16, which Triton's PyTorch backend does not carry; convert it"),
        (TensorSpec("x", "UINT16", (-1, 3)), 8, PYTORCH, "is UINT16, which Triton's PyTorch backend does not carry"),
        (TensorSpec("x", "BYTES", (-1, 3)), 8, PYTORCH, "is BYTES, which Triton's PyTorch backend does not carry"),
        (TensorSpec("x", "FP32", ()), 0, PYTORCH, "has rank 0, which Triton's PyTorch backend does not know"),
        (TensorSpec("x__1", "FP32", (-1,)), 0, PYTORCH, "takes a number at the end of such a name for its place; rename it"),
        (TensorSpec("", "FP32", (-1,)), 0, ONNX, "an input is called '', which Triton refuses"),
        (TensorSpec("x\n", "FP32", (-1,)), 0, ONNX, r"an input is called 'x\n', which Triton refuses"),
    ],
)
def test_what_triton_could_not_serve_is_refused_with_the_way_out(
    spec: TensorSpec, max_batch_size: int, platform: str, said: str
) -> None:
    with pytest.raises(ExportError) as caught:
        words(spec, max_batch_size, platform)

    assert said in str(caught.value)
    assert "model 'm'" in str(caught.value)
    assert words(TensorSpec("x", "FP32", (-1, 3)), max_batch_size, platform)["name"] == "x"


def test_an_output_without_a_batch_axis_is_refused_too() -> None:
    signature = ModelSignature((TensorSpec("x", "FP32", (-1,)),), (TensorSpec("y", "FP32", (3,)),))

    with pytest.raises(ExportError, match=r"output 'y' is FP32 \[3\]: its first axis is fixed"):
        tensor_words(signature, 8, ONNX, "m")


def test_inputs_that_nobody_knows_are_asked_for() -> None:
    with pytest.raises(ExportError, match=r"its inputs are not known from the model's file; declare them in turnout.yaml"):
        tensor_words(ModelSignature((), OUTPUT), 8, PYTORCH, "m")
