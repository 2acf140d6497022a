"""Requests that repeat a head, on connections that skip what depends on the head alone."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from uvicorn.server import ServerState

import turnout
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout_web.application import create_application
from turnout_web.server.process import build_server
from turnout_web.settings import ServeSettings

PLUGIN = '''
"""A backend that adds one; 99 fails."""

from turnout import Backend, InferenceResponse, ModelInference, Options, hookimpl


class Adds(ModelInference):
    def infer(self, request):
        if (request.inputs["x"] == 99).any():
            raise RuntimeError("a fault of the model")
        return InferenceResponse({"y": request.inputs["x"] + 1}, request.id)


@hookimpl
def turnout_backends():
    yield Backend("adds", lambda model, options: Adds(), Options)
'''
MODEL = {
    "backend": "adds",
    "inputs": {"x": "FP32[2]"},
    "outputs": {"y": "FP32[2]"},
    "max_batch_size": 8,
    "backends": {"adds": {}},
}
PATH = "/v2/models/m/infer"
LIMIT_SECONDS = 20


@dataclass(frozen=True)
class Served:
    """A server in the loop of a test: its port, the heads that its connections know, and the module of its backend."""

    port: int
    known: dict[bytes, Any]
    backend: Any

    async def connect(self) -> Connection:
        return Connection(*await asyncio.open_connection("127.0.0.1", self.port))


@dataclass(frozen=True)
class Connection:
    """A connection of a client that sends a request in one piece."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def warm(self, data: bytes) -> None:
        """Ask often enough for the server to know that the model is quick, and the head."""
        for _ in range(12):
            assert (await self.ask(data))[0] == 200

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self) -> tuple[int, dict[str, str], bytes]:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), LIMIT_SECONDS)).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(status.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        self.send(data)
        return await self.receive()

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def request_of(first: float, second: float = 0.0, *lines: str, path: str = PATH) -> bytes:
    """Return a binary request; all of them have one head."""
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    body = text + np.array([first, second], np.float32).tobytes()
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Inference-Header-Content-Length: {len(text)}", *lines]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def numbers(body: bytes) -> list[float]:
    return np.frombuffer(body[-8:], np.float32).tolist()


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs a test's coroutine with a server of these settings."""
    (tmp_path / "turnout_adds_plugin.py").write_text(PLUGIN, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(story: Callable[[Served], Awaitable[None]], **settings: Any) -> None:
        monkeypatch.delitem(importlib.sys.modules, "turnout_adds_plugin", raising=False)
        importlib.invalidate_caches()
        backend = importlib.import_module("turnout_adds_plugin")
        plugins = Plugins([EntryPoint("adds", "turnout_adds_plugin", "turnout")])

        async def serve_story() -> None:
            with turnout.open({"models": {"m": MODEL}}, plugins=plugins, metrics=Metrics()) as app:
                chosen = ServeSettings(**settings)
                config = build_server(create_application(app, chosen), chosen).config
                config.load()
                protocol, state = config.http_protocol_class, ServerState()
                factory = lambda: protocol(config=config, server_state=state, app_state={})  # noqa: E731
                async with await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0) as server:
                    port = server.sockets[0].getsockname()[1]
                    async with asyncio.timeout(LIMIT_SECONDS):
                        await story(Served(port, protocol.known, backend))

        asyncio.run(serve_story())

    return run


def test_each_request_with_a_known_head_gets_the_answer_to_its_own_body(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connections = [await served.connect() for _ in range(8)]
        for turn in range(5):
            answers = await asyncio.gather(*(one.ask(request_of(number, turn)) for number, one in enumerate(connections)))
            assert [numbers(body) for _, _, body in answers] == [[number + 1, turn + 1] for number in range(8)]
        assert [*served.known] == [request_of(0)[: request_of(0).find(b"\r\n\r\n") + 4]]
        for one in connections:
            await one.close()

    serve(story)


def test_a_known_head_has_the_same_answer_with_an_id_of_its_own(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connection = await served.connect()
        await connection.warm(request_of(1))

        (_, first, one), (_, second, two) = await connection.ask(request_of(1)), await connection.ask(request_of(1))

        assert served.known
        assert one == two
        assert first.pop("x-request-id") != second.pop("x-request-id")
        assert {**first, "date": ""} == {**second, "date": ""}
        await connection.close()

    serve(story)


def test_the_id_of_a_caller_is_in_the_answer_to_each_of_its_requests(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connection = await served.connect()
        for _ in range(3):
            _, headers, _ = await connection.ask(request_of(1, 0, "X-Request-Id: caller-7"))
            assert headers["x-request-id"] == "caller-7"
        await connection.close()

    serve(story)


@pytest.mark.parametrize("broken", ["json", "bytes", "model"])
def test_an_error_of_a_request_with_a_known_head_is_a_problem_and_the_next_one_is_answered(
    serve: Callable[..., None], broken: str
) -> None:
    good, wrong = request_of(1), request_of(99)
    if broken == "json":
        wrong = good.replace(b'"name"', b'"nome"')
    if broken == "bytes":
        wrong = good.replace(b'"binary_data_size": 8', b'"binary_data_size": 4')

    async def story(served: Served) -> None:
        connection = await served.connect()
        await connection.warm(good)

        status, headers, body = await connection.ask(wrong)

        assert served.known
        assert status == (500 if broken == "model" else 400)
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["request_id"] == headers["x-request-id"]
        assert numbers((await connection.ask(good))[2]) == [2, 1]
        await connection.close()

    serve(story)


def test_requests_that_follow_at_once_and_requests_in_pieces_are_answered_in_order(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connection = await served.connect()
        await connection.warm(request_of(0))
        assert served.known
        connection.send(request_of(1) + request_of(2) + request_of(3)[:50])
        assert [numbers((await connection.receive())[2])[0] for _ in range(2)] == [2, 3]
        connection.send(request_of(3)[50:-4])
        await asyncio.sleep(0.05)
        connection.send(request_of(3)[-4:] + request_of(4))
        assert [numbers((await connection.receive())[2])[0] for _ in range(2)] == [4, 5]
        await connection.close()

    serve(story)


@pytest.mark.parametrize(
    "line",
    [
        "Connection: close",
        "Origin: http://127.0.0.1",
        "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        f"X-Long: {'x' * 5000}",
    ],
)
def test_heads_that_change_what_is_done_are_read_each_time(serve: Callable[..., None], line: str) -> None:
    async def story(served: Served) -> None:
        for _ in range(12):
            connection = await served.connect()
            if line == "Connection: close":
                assert (await connection.ask(request_of(1, 0, line)))[0] == 200
            else:
                await connection.warm(request_of(1, 0, line))
            await connection.close()
        assert not served.known

    serve(story)


def test_a_wrong_token_has_no_known_head(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connection = await served.connect()
        await connection.warm(request_of(1, 0, "Authorization: Bearer right"))
        for token, status in (("right", 200), ("right", 200), ("wrong", 401), ("wrong", 401), ("right", 200)):
            assert (await connection.ask(request_of(1, 0, f"Authorization: Bearer {token}")))[0] == status
        assert len(served.known) == 1
        assert b"wrong" not in b"".join(served.known)
        await connection.close()

    serve(story, token="right")


def test_the_number_of_known_heads_is_limited_and_new_ones_are_learned_still(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connection = await served.connect()
        await connection.warm(request_of(1))
        most = 0
        for number in range(600):
            assert (await connection.ask(request_of(1, 0, f"User-Agent: {number}")))[0] == 200
            most = max(most, len(served.known))
        assert most == 512
        assert b"User-Agent: 599" in b"".join(served.known)
        await connection.close()

    serve(story)


def test_ids_without_a_name_are_sixteen_digits_and_differ(serve: Callable[..., None]) -> None:
    async def story(served: Served) -> None:
        connection = await served.connect()
        ids = [(await connection.ask(request_of(1)))[1]["x-request-id"] for _ in range(50)]
        assert all(re.fullmatch("[0-9a-f]{16}", id) for id in ids)
        assert len(set(ids)) == 50
        await connection.close()

    serve(story)
