from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from turnout.errors import InvalidTensorError
from turnout.tensors import DTYPES, TensorSpec, as_tensor, describe, parse_spec
from turnout.testing.samples import plain


@pytest.mark.parametrize("datatype", DTYPES)
def test_accepts_its_own_datatype_only(datatype: str) -> None:
    spec = TensorSpec("x", datatype, (-1, 3))

    assert [other for other in DTYPES if spec.accepts(plain(other))] == [datatype]


@pytest.mark.parametrize("shape", [None, (3, 3), (-1, 3), (-1, -1), (3, -1)])
def test_accepts_a_shape_that_fits(shape: tuple[int, ...] | None) -> None:
    TensorSpec("x", "FP32", shape).check(plain("FP32"))


@pytest.mark.parametrize("shape", [(), (3,), (3, 4), (-1, 4), (3, 3, 1), (0, 3)])
def test_refuses_a_shape_that_does_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidTensorError, match=r"tensor 'x' must be FP32 \[.*\], got FP32 \[3, 3\]"):
        TensorSpec("x", "FP32", shape).check(plain("FP32"))


@pytest.mark.parametrize("array", [np.zeros(2, ">f4"), np.zeros(4, np.float32)[::2]])
def test_accepts_any_strides_and_byte_order(array: Any) -> None:
    assert TensorSpec("x", "FP32", (2,)).accepts(array)


def test_accepts_rank_0_and_no_elements() -> None:
    assert TensorSpec("x", "FP32", ()).accepts(np.array(1, np.float32))
    assert TensorSpec("x", "FP32", (-1, 3)).accepts(np.empty((0, 3), np.float32))


@pytest.mark.parametrize("array", [np.array([b"a"]), np.array(["a"]), np.array([b"a"], dtype=object)])
def test_bytes_may_come_in_any_form_of_text(array: Any) -> None:
    assert TensorSpec("x", "BYTES", (1,)).accepts(array)


def test_specs_are_equal_by_value() -> None:
    assert TensorSpec("x", "FP32", (1,)) == TensorSpec("x", "FP32", (1,))
    assert TensorSpec("x", "FP32", (1,)) != TensorSpec("x", "FP32", (1,), optional=True)
    assert str(TensorSpec("x", "FP32", (-1, 3))) == "FP32 [-1, 3]"
    assert str(TensorSpec("x", "BYTES", None)) == "BYTES [...]"


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((1, 3), np.float32), "FP32 [1, 3]"),
        (np.array(1, ml_dtypes.bfloat16), "BF16 []"),
        (np.array(["a"]), "BYTES [1]"),
        (np.zeros(2, complex), "numpy complex128 [2]"),
    ],
)
def test_describes_an_array(array: Any, text: str) -> None:
    assert describe(array) == text


@pytest.mark.parametrize(
    ("declaration", "spec"),
    [
        ("FP32[3,384,384]", TensorSpec("x", "FP32", (3, 384, 384))),
        (" bf16 [ -1 , 3 ] ", TensorSpec("x", "BF16", (-1, 3))),
        ("INT64[]", TensorSpec("x", "INT64", ())),
        ("BYTES[ ]", TensorSpec("x", "BYTES", ())),
        ("BOOL[0]", TensorSpec("x", "BOOL", (0,))),
    ],
)
def test_parses_a_declaration(declaration: str, spec: TensorSpec) -> None:
    assert parse_spec("x", declaration) == spec


def test_puts_the_batch_axis_in_front() -> None:
    assert parse_spec("x", "FP32[3]", batched=True).shape == (-1, 3)
    assert parse_spec("x", "FP32[]", batched=True).shape == (-1,)


def test_an_array_is_returned_itself() -> None:
    array, elements = np.zeros((2, 3))[:, ::2], np.array([b"a"], dtype=object)

    assert as_tensor(array) is array
    assert as_tensor(elements) is elements


@pytest.mark.parametrize(
    ("value", "datatype", "expected"),
    [
        ([[1, 2]], "INT64", [[1, 2]]),
        (1.5, "FP64", 1.5),
        (True, "BOOL", True),
        ([], "FP64", []),
        ("text", "BYTES", b"text"),
        (["a", b"b"], "BYTES", [b"a", b"b"]),
        (np.array([1, 2], ">i4"), "INT32", [1, 2]),
        (np.float16(2), "FP16", 2),
    ],
)
def test_makes_a_native_array_of_a_value(value: Any, datatype: str, expected: object) -> None:
    array = as_tensor(value)

    assert TensorSpec("x", datatype, None).accepts(array)
    assert array.dtype.isnative
    assert array.tolist() == expected


def test_a_big_endian_array_keeps_its_bits() -> None:
    bits = np.array([0x7FC12345, 0x80000000, 0x00000001], np.uint32)

    assert as_tensor(bits.astype(">u4").view(">f4")).view(np.uint32).tolist() == bits.tolist()
