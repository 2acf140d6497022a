from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from turnout.errors import InvalidTensorError
from turnout.tensors import BYTES, DTYPES, as_tensor, dtype_of, from_binary, to_binary

NUMBERS = [datatype for datatype in DTYPES if datatype not in ("BOOL", BYTES)]
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, Any]:
    """An array of any number datatype, made of any bits: every NaN, subnormal, zero and infinity there is."""
    datatype, shape = draw(st.sampled_from(NUMBERS)), draw(SHAPES)
    size = int(np.prod(shape)) * dtype_of(datatype).itemsize
    return datatype, np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype_of(datatype)).reshape(shape)


@st.composite
def elements(draw: st.DrawFn) -> Any:
    shape = draw(SHAPES)
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        array[index] = draw(st.binary(max_size=6))
    return array


@given(numbers())
def test_numbers_come_back_bit_for_bit(given: tuple[str, Any]) -> None:
    datatype, array = given

    data = to_binary(array)
    back = from_binary(data, datatype, array.shape)

    assert data == array.tobytes()
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert back.flags.writeable
    assert back.flags.owndata or back.base.flags.owndata


@given(arrays.arrays(np.bool_, SHAPES))
def test_bools_come_back(array: Any) -> None:
    back = from_binary(to_binary(array), "BOOL", array.shape)

    assert (back.dtype, back.shape, back.tolist()) == (array.dtype, array.shape, array.tolist())


@given(elements())
def test_bytes_come_back_whatever_they_hold(array: Any) -> None:
    back = from_binary(to_binary(array), BYTES, array.shape)

    assert (back.dtype, back.shape, back.tolist()) == (array.dtype, array.shape, array.tolist())


@given(numbers())
def test_strides_and_byte_order_leave_no_trace(given: tuple[str, Any]) -> None:
    datatype, array = given
    swapped = array if datatype == "BF16" else array.astype(array.dtype.newbyteorder(">"))

    assert to_binary(np.repeat(array[None], 2, axis=0)[1]) == array.tobytes()
    assert to_binary(array.T) == array.T.tobytes()
    assert to_binary(swapped) == array.tobytes()
    assert to_binary(as_tensor(swapped)) == array.tobytes()


@given(st.sampled_from(list(DTYPES)), st.binary(max_size=40), st.lists(st.integers(-2, 2**62), max_size=3))
def test_any_bytes_of_any_shape_are_an_array_or_one_clear_error(datatype: str, data: bytes, shape: list[int]) -> None:
    try:
        array = from_binary(data, datatype, shape, "x")
    except InvalidTensorError as error:
        assert str(error).startswith(f"tensor 'x' {datatype}")  # noqa: PT017 - either outcome is right
    else:
        assert to_binary(array) == data


def test_bytes_are_written_as_the_protocol_says() -> None:
    array = np.array([[b"ab", "\u00e9"]], dtype=object)

    assert to_binary(array) == struct.pack("<I2sI2s", 2, b"ab", 2, b"\xc3\xa9")


def test_reads_a_memoryview_of_any_kind() -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)

    assert from_binary(memoryview(values), "FP32", [3, 2]).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert from_binary(memoryview(to_binary(np.array([b"a"], object))), BYTES, [1]).tolist() == [b"a"]


def test_what_was_read_does_not_change_with_its_source() -> None:
    source = bytearray(8)
    array = from_binary(memoryview(source), "FP32", [2])

    source[:] = b"\xff" * 8

    assert array.tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [complex, "datetime64[s]"])
def test_refuses_what_the_protocol_lacks(dtype: Any) -> None:
    with pytest.raises(InvalidTensorError, match="has no KServe v2 datatype"):
        to_binary(np.zeros(1, dtype))
