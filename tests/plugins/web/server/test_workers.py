"""Several workers: their metrics, their deaths, their start."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.plugins.web.server.conftest import FILE, Server

BODY = b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [60]}]}'


def _pids(server: Server, count: int) -> set[int]:
    """Return the workers that answer, ``count`` of them."""
    found: set[int] = set()
    limit = time.monotonic() + 30
    while len(found) < count:
        status, answer = server.infer(0.02)
        assert status == 200, answer
        found.add(answer["outputs"][0]["data"][0])
        assert time.monotonic() < limit, found
    return found


def _metric(server: Server, name: str) -> float:
    text = server.ask("GET", "/metrics")[2].decode()
    return sum(map(float, re.findall(rf"(?m)^{name}{{.*}} (\S+)$", text)))


def _wait(condition: Callable[[], bool], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def _connect(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    head = f"POST /v2/models/waits/infer HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(BODY)}\r\n\r\n"
    connection.sendall(head.encode() + BODY)
    return connection


def test_a_scrape_has_the_sum_and_a_killed_worker_is_replaced_and_its_gauges_go(start: Callable[..., Server]) -> None:
    server = start("--workers", "2")
    before = _pids(server, 2)
    asked = _metric(server, "turnout_inference_requests_total")
    waiting = [_connect(server) for _ in range(8)]
    _wait(lambda: _metric(server, "turnout_inference_in_flight") == 8)

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    _wait(lambda: _answers(server))
    after = _pids(server, 2)
    assert after.isdisjoint(before)
    assert _metric(server, "turnout_inference_in_flight") == 0
    assert _metric(server, "turnout_inference_requests_total") >= asked
    for connection in waiting:
        connection.close()
    assert server.end() == 0
    assert sum("ended with code -9" in line for line in server.errors) == 2


def _answers(server: Server) -> bool:
    try:
        return server.infer(0)[0] == 200
    except OSError:
        return False


def test_workers_end_when_their_parent_is_killed(start: Callable[..., Server]) -> None:
    server = start("--workers", "2")
    pids = _pids(server, 2)

    server.end(signal.SIGKILL)

    _wait(lambda: not any(_is_alive(pid) for pid in pids))


def test_a_signal_to_the_whole_group_is_a_graceful_end(start: Callable[..., Server]) -> None:
    server = start("--workers", "2")
    pids = _pids(server, 2)

    for pid in (*pids, server.process.pid):
        os.kill(pid, signal.SIGTERM)

    assert server.wait() == 0


def test_a_connection_after_the_begin_of_the_end_is_refused_at_once_and_no_running_request_is_lost(
    start: Callable[..., Server],
) -> None:
    server = start("--workers", "2")
    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(server.infer, 3) for _ in range(8)]
        _wait(lambda: _metric(server, "turnout_inference_in_flight") == 8)

        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.6)

        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port), 10)
        assert server.process.poll() is None
        assert [answer.result()[0] for answer in answers] == [200] * 8
    assert server.wait() == 0


def test_a_worker_that_still_starts_does_not_listen_after_the_begin_of_the_end(start: Callable[..., Server]) -> None:
    server = start("--workers", "2")
    os.kill(min(_pids(server, 2)), signal.SIGKILL)
    _wait(lambda: any("another one starts" in line for line in server.errors))
    time.sleep(0.6)  # the pause before it starts; then it imports what it needs

    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 10)
    assert server.wait() == 0


def test_a_model_that_no_worker_can_open_is_one_line(start: Callable[..., Server]) -> None:
    file = FILE.replace("backends: {waits: {}}", "preload: true\n    backends: {waits: {broken: true}}")

    server = start("--workers", "2", ready=False, file=file)

    assert server.wait(60) == 2
    assert any("this model cannot be opened" in line for line in server.errors)
    assert not any("Traceback" in line for line in server.errors)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
