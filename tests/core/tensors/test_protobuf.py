"""Protobuf messages, written by hand and read without their classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.tensors import protobuf_fields, protobuf_messages, read_varint


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


@given(st.lists(st.tuples(st.integers(1, 2000), st.binary(max_size=200) | st.integers(0, 2**63))))
def test_every_field_comes_back(fields) -> None:
    message = b"".join(
        field(number, 0, varint(value)) if isinstance(value, int) else field(number, 2, value) for number, value in fields
    )

    read = [
        (number, value if isinstance(value, int) else bytes(value)) for number, value in protobuf_fields(memoryview(message))
    ]

    assert read == fields


def test_fields_of_fixed_size_are_skipped() -> None:
    message = memoryview(field(1, 1, bytes(8)) + field(2, 5, bytes(4)) + field(3, 2, b"kept"))

    assert [bytes(content) for content in protobuf_messages(message, 3)] == [b"kept"]


@pytest.mark.parametrize("message", [field(1, 2, b"cut")[:-1], field(1, 1, bytes(7)), varint(1 << 3 | 3), b"\x80"], ids=repr)
def test_a_message_that_is_cut_short_is_an_error(message) -> None:
    with pytest.raises((ValueError, IndexError)):
        list(protobuf_fields(memoryview(message)))


def test_a_number_without_an_end_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="more than 64 bits"):
        read_varint(memoryview(b"\xff" * 50_000_000), 0)
    assert read_varint(memoryview(varint(2**64 - 1)), 0) == (2**64 - 1, 10)
