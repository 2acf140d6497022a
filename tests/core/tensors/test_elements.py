from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from turnout.errors import InvalidTensorError
from turnout.tensors import as_bytes_elements


def objects(*values: object) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_bytes_are_returned_themselves() -> None:
    array = objects(b"a\0", b"\xff")

    assert as_bytes_elements(array) is array


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (objects("\u00e9", b"b"), [b"\xc3\xa9", b"b"]),
        (objects(bytearray(b"a"), memoryview(b"b")), [b"a", b"b"]),
        (objects(np.bytes_(b"a"), np.str_("b")), [b"a", b"b"]),
        (np.array([b"a", b"bc"]), [b"a", b"bc"]),
        (np.array(["a", "\u00e9\u00e9"]), [b"a", b"\xc3\xa9\xc3\xa9"]),
        (np.array(["ab"], dtype=">U2"), [b"ab"]),
        (np.array([["a", "b"], ["c", "d"]])[::-1, 1:], [[b"d"], [b"b"]]),
        (np.array("text"), b"text"),
        (np.empty((0, 2), dtype="S3"), []),
    ],
)
def test_text_becomes_bytes(array: Any, expected: object) -> None:
    elements = as_bytes_elements(array)

    assert (elements.dtype, elements.shape, elements.tolist()) == (np.dtype(object), array.shape, expected)
    assert all(type(element) is bytes for element in elements.flat)


@pytest.mark.parametrize("element", [None, 1, 1.5, float("nan"), [b"a"], b"a".hex])
def test_refuses_everything_else(element: object) -> None:
    message = rf"tensor 'x' is BYTES, but element 1 is {type(element).__name__}; use bytes or str for every element"

    with pytest.raises(InvalidTensorError, match=message):
        as_bytes_elements(objects(b"a", element), "x")


def test_refuses_text_that_utf8_cannot_encode() -> None:
    with pytest.raises(
        InvalidTensorError, match="tensor 'x' is BYTES, but element 0 cannot be encoded: surrogates not allowed at 1"
    ):
        as_bytes_elements(objects("a\ud800"), "x")


def test_the_array_given_is_not_written_to() -> None:
    array = objects("a")

    as_bytes_elements(array)

    assert array.tolist() == ["a"]


def test_memory_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="has no valid character") as caught:
        as_bytes_elements(np.frombuffer(b"\xff" * 4, "<U1"), "x")

    assert caught.value.field == "x"
