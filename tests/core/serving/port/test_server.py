from __future__ import annotations

import errno
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import pytest

from turnout.serving.port import server as port_server
from turnout.serving.port.server import RouteServer


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["QUERY_STRING"].encode()]


def broken(environ: Any, start_response: Any) -> list[bytes]:
    raise RuntimeError("planted")


@pytest.fixture
def server() -> Iterator[RouteServer]:
    server = RouteServer("127.0.0.1", 0, {"/hello": hello, "/broken": broken})
    server.start()
    yield server
    server.stop()


def get(server: RouteServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_path_is_answered_by_its_route(server: RouteServer) -> None:
    assert get(server, "/hello?a=1") == (200, "a=1")


def test_another_path_is_not_found_and_the_known_ones_are_named(server: RouteServer) -> None:
    assert get(server, "/") == (404, "there is no such path; known: /hello, /broken\n")


def test_a_route_that_fails_is_logged_and_the_next_request_is_answered(
    server: RouteServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.ERROR):
        assert get(server, "/broken") == (500, "failed; the log of the app has the reason\n")

    assert [record.getMessage() for record in caplog.records] == ["/broken failed"]
    assert get(server, "/hello") == (200, "")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("sent", [b"", b"GET", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\xff\r\n\r\n"])
def test_a_client_that_sends_nonsense_or_breaks_off_disturbs_nobody(
    server: RouteServer, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as client:
        client.sendall(sent)

    assert get(server, "/hello") == (200, "")
    assert capfd.readouterr().err == ""


def test_a_silent_client_is_disconnected(server: RouteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_server._QuietHandler, "timeout", 0.05)

    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as client:
        assert client.recv(1) == b""


def test_silent_clients_take_no_more_than_their_threads_and_the_next_one_is_answered(server: RouteServer) -> None:
    threads = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", server.server_port), timeout=20) for _ in range(60)]
    with suppress(ConnectionResetError):
        silent[-1].recv(1)  # the server has seen all before it
    assert threading.active_count() <= threads + port_server._MOST_REQUESTS
    for client in silent:
        client.close()

    assert any(get_or_none(server, "/hello") for _ in range(200))


def get_or_none(server: RouteServer, path: str) -> tuple[int, str] | None:
    try:
        return get(server, path)
    except (OSError, HTTPException):
        return None


def test_requests_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def meet(environ: Any, start_response: Any) -> list[bytes]:
        meeting.wait()
        return hello(environ, start_response)

    server = RouteServer("127.0.0.1", 0, {"/meet": meet})
    server.start()
    try:
        other = threading.Thread(target=get, args=(server, "/meet"))
        other.start()
        assert get(server, "/meet") == (200, "")
        other.join(20)
    finally:
        server.stop()


def test_a_server_that_has_stopped_leaves_its_port(server: RouteServer) -> None:
    with pytest.raises(OSError, match="Address already in use") as taken:
        RouteServer("127.0.0.1", server.server_port, {})
    assert taken.value.errno == errno.EADDRINUSE
    first = RouteServer("127.0.0.1", 0, {"/hello": hello})
    first.start()
    first.stop()

    second = RouteServer("127.0.0.1", first.server_port, {"/hello": hello})
    second.start()
    assert get(second, "/hello") == (200, "")
    second.stop()


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_an_ipv6_address_is_listened_on() -> None:
    try:
        server = RouteServer("::1", 0, {"/hello": hello})
    except OSError:
        pytest.skip("this machine has no ::1")
    server.start()
    with urllib.request.urlopen(f"http://[::1]:{server.server_port}/hello", timeout=20) as answer:
        assert answer.status == 200
    server.stop()
