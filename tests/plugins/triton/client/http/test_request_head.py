"""Heads of requests, and compressed bodies."""

from __future__ import annotations

import gzip
import zlib

import pytest

from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.http.request_head import RequestWriter


def writer(url: str = "http://triton.example:8000", compression: str = "none") -> RequestWriter:
    return RequestWriter(parse_endpoint(url, "m"), compression)


def test_a_small_request_is_one_piece_and_a_large_body_is_not_joined() -> None:
    small = writer().write("POST", "/v2/x", {"a": "b"}, (b"12", b"345"))
    large = writer().write("POST", "/v2/x", {}, (b"12", bytes(100_000)))

    assert small.first == b"POST /v2/x HTTP/1.1\r\nhost: triton.example:8000\r\na: b\r\ncontent-length: 5\r\n\r\n12345"
    assert small.rest == ()
    assert large.first.endswith(b"content-length: 100002\r\n\r\n")
    assert large.rest == (b"12", bytes(100_000))


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://a:80", "a", "/v2"),
        ("http://a:8000", "a:8000", "/v2"),
        ("https://a", "a", "/v2"),
        ("https://a:80", "a:80", "/v2"),
        ("http://[::1]:8000", "[::1]:8000", "/v2"),
        ("http://[::1]", "[::1]", "/v2"),
        ("http://tr\u00eft\u00f6n.example:8000", "xn--trtn-6pa7b.example:8000", "/v2"),
        ("http://a/base/path/", "a", "/base/path/v2"),
    ],
)
def test_the_host_and_the_path_are_those_of_the_url(url, host, path) -> None:
    head = writer(url).head("GET", "/v2", {}, 0)

    assert head == f"GET {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(("coding", "unpack"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_body_is_compressed_and_a_compressed_response_is_offered(coding, unpack) -> None:
    sent = writer(compression=coding).write("POST", "/v2", {}, (b"a" * 1000, b"b" * 1000))
    head, _, body = sent.first.partition(b"\r\n\r\n")

    assert unpack(body) == b"a" * 1000 + b"b" * 1000
    assert f"accept-encoding: {coding}\r\ncontent-encoding: {coding}\r\ncontent-length: {len(body)}".encode() in head
    assert b"content-encoding" not in writer(compression=coding).write("GET", "/v2", {}).first
