from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from turnout.tensors.npy import read_npy

F4 = "'descr': '<f4', 'fortran_order': False, "


def read(data: bytes) -> Any:
    return read_npy(io.BytesIO(data), len(data))


def with_header(header: str, content: bytes = bytes(4), version: int = 1) -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + content


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "<i4", ">i8", "<f2", ">f4", "f8", "S3", "<U2", "c8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4), (1, 2, 1, 3)])
def test_reads_what_numpy_writes(dtype: str, shape: tuple[int, ...]) -> None:
    for order in ("C", "F"):
        array = np.asarray(np.ones(shape, dtype), order=order)  # type: ignore[call-overload]
        stream = io.BytesIO()
        np.save(stream, array)

        found = read(stream.getvalue())

        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert found.tolist() == array.tolist()


def test_reads_the_headers_of_other_writers() -> None:
    for header in (
        "{" + F4 + "'shape': (1, ), }",
        '{"shape":(1),"fortran_order":False,"descr":"<f4"}',
        "{" + F4 + "'shape':(1,)}\n",
    ):
        assert read(with_header(header)).tolist() == [0.0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff",
        b"\x93NUMPY\x04\x00" + bytes(100),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        b"\x93NUMPX\x01\x00" + bytes(100),
        *(
            with_header(header)
            for header in (
                "",
                "{}",
                "{" * 5000,
                "(" * 9000,
                "-" * 9000,
                "{'descr': '<f4'}",
                "{" + F4 + "'shape': (2,), }",
                "{" + F4 + "'shape': (1,), 'more': 1}",
                "{" + F4 + "'shape': (-1,), }",
                "{" + F4 + "'shape': (1000000000000000000, 1000000000000000000,), }",
                "{" + F4 + "'shape': (" + "9" * 5000 + ",), }",
                "{" + F4 + "'shape': (" + "1," * 4000 + "), }",
                "{" + F4 + "'shape': (True,), }",
                "{" + F4 + "'shape': 1, }",
                "{" + F4 + "'shape': (1e3,), }",
                "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
                "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }",
                "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }",
                "{'descr': 'M8[s]', 'fortran_order': False, 'shape': (1,), }",
                "{'descr': 'V4', 'fortran_order': False, 'shape': (1,), }",
                "{'descr': '<f4,<f4', 'fortran_order': False, 'shape': (1,), }",
                "{'descr': 'U999999999', 'fortran_order': False, 'shape': (9999,), }",
                "{'descr': __import__('os').abort(), 'fortran_order': False, 'shape': (1,), }",
                "{'descr': '\x00', 'fortran_order': False, 'shape': (1,), }",
            )
        ),
        with_header("{" + F4 + "'shape': (1,), }", bytes(5)),
        with_header("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", b"\x02"),
    ],
)
def test_refuses_everything_else_before_it_allocates(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        read(data)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("dtype", ["<U1", ">U1", "<U2"])
def test_memory_that_is_no_text_is_refused(dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    last, beyond = ((code).to_bytes(4, "big" if dtype[0] == ">" else "little") for code in (0x10FFFF, 0x110000))
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (1,), }}"

    assert read(with_header(header, last * (size // 4))).dtype == np.dtype(dtype)
    with pytest.raises(ValueError, match="an invalid character"):
        read(with_header(header, beyond * (size // 4)))
