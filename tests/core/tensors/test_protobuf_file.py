"""Protobuf files, written by hand and read without their classes."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.tensors.test_protobuf import field, varint

from turnout.files.limits import FileLimits
from turnout.tensors import open_protobuf

MODEL = FileLimits("a model", 1 << 30)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("protobuf") / "model"


@given(st.lists(st.tuples(st.integers(1, 2000), st.binary(max_size=200) | st.integers(0, 2**63)), min_size=1))
def test_every_field_comes_back(file, fields) -> None:
    file.write_bytes(
        b"".join(
            field(number, 0, varint(value)) if isinstance(value, int) else field(number, 2, value) for number, value in fields
        )
    )

    with open_protobuf(file, MODEL) as message:
        read = [(number, value if isinstance(value, int) else value.content()) for number, value in message.fields()]

    assert read == fields


def test_fields_of_fixed_size_are_skipped(file) -> None:
    file.write_bytes(field(1, 1, bytes(8)) + field(2, 5, bytes(4)) + field(3, 2, b"kept"))

    with open_protobuf(file, MODEL) as message:
        assert [found.content() for found in message.messages(3)] == [b"kept"]


def test_a_path_of_numbers_leads_to_texts_and_numbers(file) -> None:
    inner = field(2, 2, b"a name") + field(3, 0, varint(7))
    file.write_bytes(field(1, 2, field(9, 2, inner)) + field(1, 2, field(9, 2, inner)))

    with open_protobuf(file, MODEL) as message:
        assert [(found.text(2), found.numbers(3)) for found in message.messages(1, 9)] == [("a name", [7])] * 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        field(1, 2, b"cut")[:-1],
        field(1, 1, bytes(7)),
        varint(1 << 3 | 3),
        b"\x80",
        b"\xff" * 1_000_000,
        bytes(1000),
        b"\x0a" + b"\xff" * 9 + b"\x01",
        b"\x0a\xff\xff\xff\xff\x0f" + bytes(1000),
    ],
    ids=range(9),
)
def test_what_is_no_message_is_an_error_at_once(file, content) -> None:
    file.write_bytes(content)

    with pytest.raises(ValueError, match=r".+"), open_protobuf(file, MODEL) as message:
        list(message.fields())


def test_a_file_of_very_many_fields_is_refused(file) -> None:
    file.write_bytes(field(1, 2, b"\x08\x01" * 5_000_000))
    begin = time.process_time()

    with (
        pytest.raises(OSError, match="a model has 400000 fields at most, this one has more"),
        open_protobuf(file, MODEL) as message,
    ):
        message.messages(1, 1)

    assert time.process_time() - begin < 5


def test_a_long_name_is_refused(file) -> None:
    file.write_bytes(field(1, 2, bytes(70_000)))

    with open_protobuf(file, MODEL) as message, pytest.raises(ValueError, match="a name has 65536 bytes at most"):
        message.text(1)


def test_large_fields_stay_on_the_disk(file) -> None:
    with file.open("wb") as stream:
        stream.write(varint(1 << 3 | 2) + varint(900 << 20))
        stream.seek(900 << 20, os.SEEK_CUR)
        stream.write(field(2, 2, b"behind"))
    tracemalloc.start()

    with open_protobuf(file, MODEL) as message:
        assert message.text(2) == "behind"

    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_file_that_is_cut_while_it_is_read_is_an_error(file) -> None:
    file.write_bytes(field(1, 2, bytes(100_000)) + field(2, 2, b"behind"))

    with open_protobuf(file, MODEL) as message:
        os.truncate(file, 10)
        with pytest.raises(ValueError, match="ends inside"):
            message.text(2)
