"""Heads of responses that are read without ``http.client``, and those that are left to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_triton.client.http.plain_head import plain_head

TRITON = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
    b"Inference-Header-Content-Length: 138\r\nContent-Length: 202\r\n\r\n"
)


def test_the_head_that_triton_writes_is_plain() -> None:
    head = plain_head(TRITON + b"the body")

    assert (head.status, head.size, head.body_bytes, head.reusable) == (200, len(TRITON), 202, True)
    assert head.headers == {
        "content-type": "application/octet-stream",
        "inference-header-content-length": "138",
        "content-length": "202",
    }


def test_a_server_that_closes_the_connection_is_obeyed() -> None:
    assert not plain_head(b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n").reusable


@pytest.mark.parametrize(
    "received",
    [
        b"",
        TRITON[:-1],
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nab\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2,2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\na\0b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\na: b\nc: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\na: " + b"b" * 5000 + b"\r\n\r\n",
        b" HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
        b"\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
    ],
    ids=lambda received: repr(received[-60:]),
)
def test_any_other_head_is_left_to_http_client(received) -> None:
    assert plain_head(received) is None


@given(st.binary(max_size=60), st.integers(0, len(TRITON)), st.integers(0, 5))
def test_a_mutated_head_is_plain_or_left_to_http_client(inserted, position, removed) -> None:
    head = plain_head(TRITON[:position] + inserted + TRITON[position + removed :])

    assert head is None or (200 <= head.status < 600 and head.body_bytes >= 0)
