"""Slow, absent and hostile clients; after each of them a good request is answered."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from tests.plugins.web.server.conftest import Server, request_of

HEAD = b"POST /v2/models/waits/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


@pytest.fixture
def connection(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), 10) as opened:
        yield opened
    status, _ = server.infer(0)
    assert status == 200


def _read_all(connection: socket.socket) -> bytes:
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


def _problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    return dict(json.loads(body))


def test_a_head_that_does_not_end_gets_408(connection: socket.socket) -> None:
    connection.sendall(b"GET /health/live HTTP/1.1\r\n")

    problem = _problem(_read_all(connection))

    assert problem["status"] == 408
    assert problem["detail"] == "the head of the request did not arrive within 1 s; send it at once"


def test_a_head_that_drips_gets_408_too(connection: socket.socket) -> None:
    begun = time.monotonic()
    connection.sendall(b"GET /health/live HTTP/1.1\r\n")
    answer = b""
    connection.settimeout(0.2)
    for number in range(60):
        try:
            connection.sendall(f"x-{number}: 1\r\n".encode())
            answer += connection.recv(65536)
            break
        except TimeoutError:
            continue

    assert b"408" in answer.partition(b"\r\n")[0]
    assert time.monotonic() - begun < 8


def test_a_connection_without_a_request_is_closed(connection: socket.socket) -> None:
    assert _read_all(connection) == b""


def test_a_body_that_stops_gets_408(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 5000\r\n\r\n{")

    problem = _problem(_read_all(connection))

    assert problem["status"] == 408
    assert problem["detail"] == "1 bytes of the body arrived within 1 s; send it faster, or raise --body-timeout"


def test_a_body_that_drips_gets_408_too(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 5000\r\n\r\n")
    connection.settimeout(0.1)
    answer = b""
    for _ in range(100):
        try:
            connection.sendall(b" ")
            answer += connection.recv(65536)
            break
        except TimeoutError:
            continue

    assert b"408" in answer.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost localhost\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 99999999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["tls", "no-path", "path-bytes", "no-colon", "connect", "negative", "overflow", "two-lengths", "chunk", "http2"],
)
def test_what_is_no_http_gets_400_and_is_closed(connection: socket.socket, sent: bytes) -> None:
    connection.sendall(sent)

    answer = _read_all(connection)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert _problem(answer)["status"] == 400


def test_a_head_that_is_too_large_gets_431(connection: socket.socket) -> None:
    connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n")
    answer = b""
    try:
        for number in range(200):
            connection.sendall(f"x-{number}: {'a' * 1000}\r\n".encode())
        answer = _read_all(connection)
    except OSError:
        return  # closed while it was written to

    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_a_body_that_is_declared_too_large_gets_413_before_it_is_sent(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 20001\r\nconnection: close\r\n\r\n")

    problem = _problem(_read_all(connection))

    assert problem["status"] == 413
    assert problem["detail"] == (
        "a body has 20000 bytes at most, this one has 20001; send less, or start the server with a larger --max-body-bytes"
    )


def test_a_chunked_body_that_is_too_large_gets_413(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")
    connection.sendall(b"".join(b"1000\r\n" + b" " * 4096 + b"\r\n" for _ in range(5)) + b"0\r\n\r\n")

    assert _problem(_read_all(connection))["status"] == 413


def test_a_refused_body_that_drips_on_is_not_read_for_long(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 1000000\r\n\r\n")
    assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        _drip(connection, 10)


def _drip(connection: socket.socket, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        connection.sendall(b" ")
        time.sleep(0.1)


def test_an_upgrade_that_is_not_offered_is_answered_as_plain_http(connection: socket.socket) -> None:
    connection.sendall(
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    )
    connection.settimeout(5)

    assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_answered_in_their_order(connection: socket.socket) -> None:
    connection.sendall(
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-request-id: a\r\n\r\n"
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-request-id: b\r\nconnection: close\r\n\r\n"
    )

    answer = _read_all(connection)

    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"x-request-id: a") < answer.index(b"x-request-id: b")


def test_a_client_that_leaves_ends_its_requests(server: Server) -> None:
    leavers = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(4)]
    body = request_of(50)
    for leaver in leavers:
        leaver.sendall(HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
    _wait_for_status(server, 503)

    for leaver in leavers:
        leaver.close()

    _wait_for_status(server, 200)


def test_a_request_above_the_limit_of_concurrent_ones_gets_503_and_probes_do_not(start: Callable[..., Server]) -> None:
    server = start("--max-concurrent-requests", "1")
    with socket.create_connection(("127.0.0.1", server.port), 10) as other:
        body = request_of(50)
        other.sendall(HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
        _wait_for_status(server, 503)

        status, headers, answer = server.ask("GET", "/v2/models/waits")

        assert (status, headers["retry-after"]) == (503, "1")
        assert json.loads(answer)["detail"] == (
            "the server answers 1 requests at once, and so many are running; send it again later"
        )
        assert server.ask("GET", "/health/ready")[0] == server.ask("GET", "/metrics")[0] == 200
    _wait_for_status(server, 200)


def _wait_for_status(server: Server, wanted: int) -> None:
    limit = time.monotonic() + 10
    while (found := server.infer(0)[0]) != wanted:
        assert time.monotonic() < limit, found
        time.sleep(0.02)


@pytest.mark.parametrize("head", ["", "host: localhost\r\nhost: example.org\r\n"], ids=["none", "two"])
@pytest.mark.parametrize("body", [b"", b"content-length: 4\r\n\r\n1234"], ids=["no body", "body"])
def test_http_1_1_without_one_host_gets_400(connection: socket.socket, head: str, body: bytes) -> None:
    connection.sendall(f"GET /health/live HTTP/1.1\r\n{head}".encode() + (body or b"\r\n"))

    problem = _problem(_read_all(connection))

    assert problem["status"] == 400
    assert problem["detail"] == "a request of HTTP/1.1 has one header Host; send the name of this server in it"


def test_a_second_request_on_a_connection_needs_its_host_too(connection: socket.socket) -> None:
    connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert b" 200 " in connection.recv(65536).partition(b"\r\n")[0]
    connection.sendall(b"GET /health/live HTTP/1.1\r\n\r\n")

    assert _problem(_read_all(connection))["status"] == 400


def test_http_1_0_needs_no_host(connection: socket.socket) -> None:
    connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")

    assert b" 200 " in _read_all(connection).partition(b"\r\n")[0]
