"""Requests with a known head: answered on the short way, and as on the usual one."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.plugins.web.kserve.running import Running, running_application

import turnout
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings


@dataclass
class Counted:
    """An ASGI app that counts the requests that take the usual way."""

    inner: Any
    requests: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += scope["type"] == "http"
        await self.inner(scope, receive, send)


@dataclass
class Connection:
    """A connection that stays open."""

    server: Running
    headers: str = ""
    left: bytes = b""
    socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.socket = socket.create_connection((self.server.host, self.server.port), timeout=20)

    def write(self, model: str, inputs: list[dict[str, Any]], data: bytes) -> bytes:
        """Return the bytes of a request."""
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        lines = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {self.server.address}\r\n{self.headers}"
        lines += f"Inference-Header-Content-Length: {len(head)}\r\nContent-Length: {len(head) + len(data)}\r\n\r\n"
        return lines.encode() + head + data

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        while b"\r\n\r\n" not in self.left:
            self._more()
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(headers["content-length"])
        while len(self.left) < size:
            self._more()
        body, self.left = self.left[:size], self.left[size:]
        return int(first.split()[1]), headers, body

    def ask(self, value: float, model: str = "identity") -> float:
        """Return the value that comes back."""
        self.socket.sendall(self.write(model, X, struct.pack("<f", value)))
        status, headers, body = self.read()
        assert status == 200, body
        return struct.unpack("<f", body[int(headers["inference-header-content-length"]) :])[0]

    def _more(self) -> None:
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the server has closed the connection")
        self.left += received


X = [{"name": "x", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": 4}}]
INDEX = [{"name": "index", "datatype": "INT64", "shape": [1, 1], "parameters": {"binary_data_size": 8}}]


@contextlib.contextmanager
def serving(models: dict[str, Any], **settings: Any) -> Iterator[tuple[Running, Counted]]:
    chosen = ServeSettings(**settings)
    with turnout.open(models) as app:
        counted = Counted(create_application(app, chosen))
        with running_application(counted, chosen) as server:
            yield server, counted


@pytest.fixture
def served(models) -> Iterator[tuple[Running, Counted]]:
    with serving(models) as found:
        yield found


@contextlib.contextmanager
def connected(server: Running, headers: str = "") -> Iterator[Connection]:
    connection = Connection(server, headers)
    with contextlib.closing(connection.socket):
        yield connection


def warm(connection: Connection) -> None:
    """Let the server learn that the model is quick, and know the head."""
    for value in range(30):
        assert connection.ask(value) == value


def test_a_known_head_takes_the_short_way_and_each_request_gets_its_own_answer(served) -> None:
    server, counted = served
    with connected(server) as connection:
        warm(connection)
        before = counted.requests

        assert [connection.ask(value) for value in range(100)] == list(range(100))

        assert before < 30
        assert counted.requests == before


def test_the_headers_are_those_of_the_usual_way(served) -> None:
    server, _ = served
    with connected(server) as connection:
        found = []
        for _ in range(40):
            connection.socket.sendall(connection.write("identity", X, b"\0" * 4))
            found.append(connection.read()[1])

    ids = {headers.pop("x-request-id") for headers in found}
    assert len(ids) == 40
    assert all(headers.pop("date") for headers in found)
    assert all(headers == found[0] for headers in found)


def test_requests_in_pieces_or_several_at_once_are_answered_in_order(served) -> None:
    server, _ = served
    with connected(server) as connection:
        warm(connection)
        texts = [connection.write("identity", X, struct.pack("<f", value)) for value in range(3)]
        for cut in range(1, len(texts[0]), 37):
            connection.socket.sendall(texts[0][:cut])
            time.sleep(0.002)
            connection.socket.sendall(texts[0][cut:])
            assert connection.read()[0] == 200
        connection.socket.sendall(b"".join(texts))
        answers = [struct.unpack("<f", connection.read()[2][-4:])[0] for _ in texts]
        assert answers == [0, 1, 2]
        connection.socket.sendall(texts[1] + texts[2][:50])
        assert connection.read()[0] == 200
        connection.socket.sendall(texts[2][50:])
        assert struct.unpack("<f", connection.read()[2][-4:])[0] == 2


def test_a_body_in_a_packet_of_its_own_takes_the_short_way_too(served) -> None:
    server, counted = served
    with connected(server) as connection:
        warm(connection)
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = counted.requests
        for value in range(5):
            text = connection.write("identity", X, struct.pack("<f", value))
            head, _, body = text.partition(b"\r\n\r\n")
            connection.socket.sendall(head + b"\r\n\r\n")
            time.sleep(0.02)
            connection.socket.sendall(body)
            assert struct.unpack("<f", connection.read()[2][-4:])[0] == value
        assert counted.requests == before
        connection.socket.sendall(head + b"\r\n\r\n")
        time.sleep(0.02)
        for byte in body:
            connection.socket.sendall(bytes([byte]))
        assert struct.unpack("<f", connection.read()[2][-4:])[0] == value
        assert connection.ask(9) == 9


def test_a_wrong_body_below_a_known_head_is_refused_and_the_next_one_answered(served) -> None:
    server, _ = served
    with connected(server) as connection:
        warm(connection)
        good = connection.write("identity", X, b"\0" * 4)
        for bad in (good.replace(b'"x"', b'"z"'), good.replace(b"[1, 1]", b"[1, 2]"), good.replace(b'{"inputs', b"[{inputs")):
            connection.socket.sendall(bad)
            status, headers, body = connection.read()
            assert status == 400
            problem = json.loads(body)
            assert problem["error"] == problem["detail"]
            assert problem["request_id"] == headers["x-request-id"]
            assert connection.ask(7) == 7


def test_what_the_model_refuses_is_a_problem_on_the_short_way_too(served) -> None:
    server, counted = served
    with connected(server) as connection:
        for _ in range(30):
            connection.socket.sendall(connection.write("lookup", INDEX, struct.pack("<q", 2)))
            assert connection.read()[2][-4:] == struct.pack("<f", 20)
        before = counted.requests

        connection.socket.sendall(connection.write("lookup", INDEX, struct.pack("<q", 9)))
        status, headers, body = connection.read()

        assert status == 400
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["request_id"] == headers["x-request-id"]
        assert "out of data bounds" in json.loads(body)["error"]
        connection.socket.sendall(connection.write("lookup", INDEX, struct.pack("<q", 3)))
        assert connection.read()[2][-4:] == struct.pack("<f", 30)
        assert counted.requests == before


@pytest.mark.parametrize(
    "header",
    [
        "X-Request-Id: mine\r\n",
        "Accept-Encoding: gzip\r\n",
        "Traceparent: x\r\n",
        "X-Request-Timeout: 5\r\n",
        "Origin: http://{own}\r\n",
    ],
)
def test_a_head_that_asks_for_more_takes_the_usual_way(served, header) -> None:
    server, counted = served
    with connected(server) as plain, connected(server, header.format(own=server.address)) as connection:
        warm(plain)
        before = counted.requests

        assert [connection.ask(value) for value in range(5)] == list(range(5))

        assert counted.requests == before + 5


def test_a_token_is_asked_for_with_each_head(models) -> None:
    with serving(models, token="right") as (server, counted):
        with connected(server, "Authorization: Bearer right\r\n") as connection:
            warm(connection)
            before = counted.requests
            assert connection.ask(1) == 1
            assert counted.requests == before
        for wrong in (
            "",
            "Authorization: Bearer wrong\r\n",
            "Authorization: Bearer righ\r\n",
            "Authorization: Bearer right2\r\n",
        ):
            with connected(server, wrong) as connection:
                connection.socket.sendall(connection.write("identity", X, b"\0" * 4))
                assert connection.read()[0] == 401


def test_a_connection_in_use_stays_open_and_an_idle_one_is_closed(models) -> None:
    with serving(models, keep_alive_seconds=1) as (server, _), connected(server) as connection:
        warm(connection)
        end = time.monotonic() + 2.2
        while time.monotonic() < end:
            assert connection.ask(3) == 3
            time.sleep(0.1)

        connection.socket.settimeout(10)
        assert connection.socket.recv(1) == b""


def test_a_closed_app_answers_503_on_a_known_head(models) -> None:
    settings = ServeSettings()
    app = turnout.open(models)
    with running_application(create_application(app, settings), settings) as server, connected(server) as connection:
        warm(connection)
        app.close()

        connection.socket.sendall(connection.write("identity", X, b"\0" * 4))

        assert connection.read()[0] == 503
