from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from turnout.errors import InvalidTensorError
from turnout.tensors import DTYPES, datatype_of, dtype_of


@pytest.mark.parametrize("datatype", DTYPES)
def test_a_datatype_and_its_dtype_name_each_other(datatype: str) -> None:
    assert datatype_of(dtype_of(datatype)) == datatype


@pytest.mark.parametrize(
    ("dtype", "datatype"),
    [
        (">f4", "FP32"),
        ("<f8", "FP64"),
        (">i2", "INT16"),
        ("longlong", "INT64"),
        ("ulonglong", "UINT64"),
        ("?", "BOOL"),
        ("S5", "BYTES"),
        ("<U3", "BYTES"),
        (">U3", "BYTES"),
        (object, "BYTES"),
        (ml_dtypes.bfloat16, "BF16"),
    ],
)
def test_names_a_dtype_in_any_byte_order(dtype: object, datatype: str) -> None:
    assert datatype_of(np.dtype(dtype)) == datatype  # type: ignore[call-overload]


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "timedelta64[s]", [("a", "i4")], "V8"])
def test_refuses_a_dtype_that_the_protocol_lacks(dtype: object) -> None:
    with pytest.raises(InvalidTensorError, match=r"has no KServe v2 datatype; known: BOOL, .*Convert the array first"):
        datatype_of(np.dtype(dtype))  # type: ignore[call-overload]


@pytest.mark.parametrize("dtype", [ml_dtypes.float8_e4m3fn, ml_dtypes.int4])
def test_refuses_fp8_and_int4(dtype: object) -> None:
    with pytest.raises(InvalidTensorError, match="has no KServe v2 datatype"):
        datatype_of(np.dtype(dtype))  # type: ignore[call-overload]


def test_suggests_a_datatype() -> None:
    with pytest.raises(InvalidTensorError, match=r"unknown datatype 'fp3'; known: .*Did you mean 'FP32'\?"):
        dtype_of("fp3")
