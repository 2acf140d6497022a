"""The end of a server: running requests finish or get a typed answer."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest
from tests.plugins.web.server.conftest import Server, request_of

IN_FLIGHT = 100


class Crowd:
    """Many callers, each on a connection of its own."""

    def __init__(self, server: Server, count: int, seconds: float) -> None:
        self._server, self._seconds = server, seconds
        self._sent = threading.Semaphore(0)
        self._threads = ThreadPoolExecutor(count)
        self._answers = [self._threads.submit(self._ask) for _ in range(count)]
        for _ in range(count):
            assert self._sent.acquire(timeout=60)

    def _ask(self) -> tuple[int, str, bytes]:
        from http.client import HTTPConnection

        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        try:
            connection.request("POST", "/v2/models/waits/infer", request_of(self._seconds))
            self._sent.release()
            response = connection.getresponse()
            return response.status, response.getheader("content-type", ""), response.read()
        finally:
            connection.close()

    def answers(self) -> list[tuple[int, str, bytes]]:
        with self._threads:
            return [answer.result(60) for answer in self._answers]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_of_100_requests_in_flight_are_answered_at_sigterm(start: Callable[..., Server], workers: str) -> None:
    server = start("--workers", workers)
    crowd = Crowd(server, IN_FLIGHT, 1.5)
    time.sleep(0.5)

    begun = time.monotonic()
    code = server.end()

    assert code == 0, server.errors
    assert time.monotonic() - begun < 10
    assert {status for status, _, _ in crowd.answers()} == {200}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_that_do_not_finish_in_time_get_a_typed_answer(start: Callable[..., Server], workers: str) -> None:
    server = start("--workers", workers, "--drain", "1")
    crowd = Crowd(server, 20, 50)
    time.sleep(0.5)

    begun = time.monotonic()
    server.end()

    assert time.monotonic() - begun < 10
    for status, kind, body in crowd.answers():
        problem = json.loads(body)
        assert (status, kind) == (503, "application/problem+json")
        assert (
            problem["error"]
            == problem["detail"]
            == "the server ends, and this request did not finish within 1 s; send it again"
        )
        assert problem["retry_after_seconds"] == 1


def test_a_model_that_hangs_in_a_thread_holds_the_end_up_for_a_moment_only(start: Callable[..., Server]) -> None:
    server = start("--drain", "1")
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(server.infer(120, "hangs")))
    caller.start()
    time.sleep(0.5)

    begun = time.monotonic()
    code = server.end()
    caller.join(10)

    assert time.monotonic() - begun < 10
    assert answers[0][0] == 503
    assert code == 1
    assert any("left work behind" in line for line in server.errors)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_the_server_at_once(start: Callable[..., Server], workers: str) -> None:
    server = start("--workers", workers)
    caller = threading.Thread(target=_ask_in_vain, args=(server,))
    caller.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)

    begun = time.monotonic()
    code = server.end()
    caller.join(10)

    assert time.monotonic() - begun < 3
    assert code == 128 + signal.SIGTERM


def _ask_in_vain(server: Server) -> None:
    with pytest.raises((OSError, HTTPException)):
        server.infer(50)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_are_graceful_ends(start: Callable[..., Server], number: int) -> None:
    assert start().end(number) == 0


def test_a_refused_body_does_not_hold_the_end_up(start: Callable[..., Server]) -> None:
    server = start("--max-body-bytes", "10")
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(b"POST /v2/models/waits/infer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
        begun = time.monotonic()

        assert server.end() == 0
        assert time.monotonic() - begun < 5


def test_a_request_that_has_begun_is_answered_after_the_signal(start: Callable[..., Server]) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(b"GET /health/live HT")
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(b"TP/1.1\r\nhost: localhost\r\n\r\n")
        answer = connection.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    assert server.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_new_connection_is_accepted_while_the_server_ends(start: Callable[..., Server], workers: str) -> None:
    server = start("--workers", workers)
    crowd = Crowd(server, 8, 3)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)

    for _ in range(4):
        with pytest.raises(ConnectionRefusedError):
            server.ask("GET", "/health/live")
    assert {status for status, _, _ in crowd.answers()} == {200}
    assert server.wait() == 0
