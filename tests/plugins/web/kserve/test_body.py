"""Reading and unpacking bodies."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from turnout.errors import InvalidRequestError
from turnout_web.kserve.body import length_of, packed, read_body, unpacked
from turnout_web.problems import Problem


def receiving(*parts: bytes, leaves: bool = False) -> Callable[[], Awaitable[dict]]:
    messages = [{"type": "http.request", "body": part, "more_body": leaves or part is not parts[-1]} for part in parts]
    messages += [{"type": "http.disconnect"}] * leaves

    async def receive() -> dict:
        return messages.pop(0)

    return receive


@pytest.mark.parametrize("parts", [(b"",), (b"whole",), (b"a", b"", b"bc"), (b"", b"abc")])
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_is_read_whole_however_it_comes(parts, is_declared) -> None:
    length = str(len(b"".join(parts))).encode() if is_declared else None

    assert bytes(asyncio.run(read_body(receiving(*parts), length, 0))) == b"".join(parts)


@pytest.mark.parametrize("offset", [0, 1, 63, 64, 117])
def test_the_data_of_a_body_in_parts_are_aligned(offset) -> None:
    body = asyncio.run(read_body(receiving(b"x" * offset, b"y" * 4096), str(offset + 4096).encode(), offset))

    assert np.frombuffer(body, np.uint8)[offset:].ctypes.data % 64 == 0


def test_a_client_that_leaves_ends_the_request() -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_body(receiving(b"a", b"b", leaves=True), b"10", 0))


@pytest.mark.parametrize("size", [0, 10, 70_000, 3_000_000])
def test_packed_bodies_are_unpacked(size) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    for encoding, text in {b"gzip": gzip.compress(body), b"deflate": zlib.compress(body), b"": body, b"Identity": body}.items():
        assert asyncio.run(unpacked(text, encoding, size)) == body


@pytest.mark.parametrize("small", [True, False])
def test_a_body_that_grows_beyond_the_limit_is_refused(small) -> None:
    bomb = gzip.compress(b"\0" * (10_000 if small else 100_000_000))

    with pytest.raises(Problem) as caught:
        asyncio.run(unpacked(bomb, b"gzip", 9_999))

    assert caught.value.status == 413


# Without the time, which would be in the names of the tests: two workers of pytest-xdist must collect the same ones.
WHOLE = gzip.compress(b"whole", mtime=0)


@pytest.mark.parametrize("text", [b"", b"no gzip", WHOLE[:-3], WHOLE + b"more"], ids=["empty", "text", "cut", "longer"])
def test_a_broken_body_is_refused(text) -> None:
    with pytest.raises(InvalidRequestError, match=r"packed|unpacked"):
        asyncio.run(unpacked(text, b"gzip", 1000))


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        asyncio.run(unpacked(b"x", b"zstd", 1000))

    assert caught.value.status == 415
    assert caught.value.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("accepted", [b"gzip", b"deflate", b"br, gzip", b"br"])
def test_an_answer_is_packed_as_the_client_accepts(accepted) -> None:
    body, name = packed(b"x" * 1000, accepted)

    assert asyncio.run(unpacked(body, name, 1000)) == b"x" * 1000
    assert (name == b"") == (accepted == b"br")


@pytest.mark.parametrize("header", [b"-1", b"x", b"", b"1.0", b"11", b"9" * 30, b"1 "])
def test_a_length_of_the_json_that_cannot_be_is_refused(header) -> None:
    with pytest.raises(InvalidRequestError, match="Inference-Header-Content-Length is the bytes of the JSON, 0 to 10"):
        length_of(header, 10)

    assert length_of(b"10", 10) == 10
    assert length_of(None, 10) is None
