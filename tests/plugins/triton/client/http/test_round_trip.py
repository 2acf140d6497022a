"""Bodies of responses in memory."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
from tests.plugins.triton.client.broken_servers import answers, broken_server, read_request

from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.http.connections import HttpConnections

HEADER = "inference-header-content-length"
DATA = bytes(range(256)) * 400


def body_of(offset: str) -> bytes | memoryview:
    """Return the body of a response whose header puts the data at ``offset``."""
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(DATA)}\r\n{HEADER}: {offset}\r\n\r\n"
    with broken_server(answers(head.encode() + DATA)) as address:
        connections = HttpConnections(parse_endpoint(f"http://{address}", "m"), ConnectionSettings())
        with contextlib.closing(connections):
            return connections.call(connections.requests.write("GET", "/", {}, data_offset_header=HEADER), "m", 5).body


@pytest.mark.parametrize("offset", [0, 1, 37, 64, 99_999])
def test_the_data_of_a_large_body_are_aligned_where_the_header_says_that_they_begin(offset) -> None:
    body = body_of(str(offset))

    assert bytes(body) == DATA
    assert np.frombuffer(body, np.uint8)[offset:].ctypes.data % 64 == 0


@pytest.mark.parametrize("offset", ["", "-1", "x", "9" * 18, "9" * 60_000, "1e3"], ids=lambda text: text[:20])
def test_a_header_without_a_usable_offset_is_ignored(offset) -> None:
    assert bytes(body_of(offset)) == DATA


@pytest.mark.parametrize("extra", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["none", "some"])
@pytest.mark.parametrize("coding", ["content-length: 2\r\n\r\nab", "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"])
def test_bytes_behind_a_body_never_begin_the_next_response(extra, coding) -> None:
    served = threading.Semaphore(0)

    def behave(connection) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 200 OK\r\n{coding}".encode() + extra)
        served.release()
        connection.recv(1)

    with broken_server(behave) as address:
        connections = HttpConnections(parse_endpoint(f"http://{address}", "m"), ConnectionSettings())
        with contextlib.closing(connections):
            assert bytes(connections.call(connections.requests.write("GET", "/", {}), "m", 5).body) == b"ab"
            assert len(connections._idle) == (0 if extra else 1)
