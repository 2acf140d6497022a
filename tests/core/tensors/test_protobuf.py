"""Numbers in protobuf messages, written by hand and read without their classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.tensors import read_varint


def varint(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F)
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def field(number: int, kind: int, content: bytes) -> bytes:
    return varint(number << 3 | kind) + (varint(len(content)) if kind == 2 else b"") + content


@given(st.integers(0, 2**64 - 1), st.binary(max_size=5))
def test_a_varint_ends_where_it_ends(number, rest) -> None:
    written = varint(number)

    assert read_varint(memoryview(written + rest), 0) == (number, len(written))


def test_a_number_without_an_end_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="more than 64 bits"):
        read_varint(memoryview(b"\xff" * 50_000_000), 0)
    assert read_varint(memoryview(varint(2**64 - 1)), 0) == (2**64 - 1, 10)
