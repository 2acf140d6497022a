"""A server that runs, and one request to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn

import turnout
from turnout_web.application import create_application
from turnout_web.server.repeating import protocol_for
from turnout_web.settings import ServeSettings

_HEADER_LENGTH = "inference-header-content-length"
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, and the body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def head(self) -> Any:
        """The JSON."""
        return json.loads(self.body[: int(self.headers.get(_HEADER_LENGTH, len(self.body)))])

    @property
    def tensors(self) -> dict[str, dict[str, Any]]:
        """The outputs by name, with their binary data."""
        found, start = {}, int(self.headers.get(_HEADER_LENGTH, len(self.body)))
        for output in self.head["outputs"]:
            size = output.get("parameters", {}).get("binary_data_size", 0)
            found[output["name"]] = {**output, "binary": self.body[start : start + size]}
            start += size
        assert start == len(self.body)
        return found


@dataclass(frozen=True)
class Running:
    """A server at an address."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to one request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=20)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            raw = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            encoding = found.get("content-encoding")
            return Answer(response.status, found, zlib.decompress(raw, _WINDOW_BITS[encoding]) if encoding else raw)

    def infer(self, model: str, head: Mapping[str, Any], data: bytes | None = None) -> Answer:
        """Return the answer to an inference request, with binary ``data`` if they are given."""
        text = json.dumps(head).encode()
        headers = {} if data is None else {_HEADER_LENGTH: str(len(text))}
        return self.send("POST", f"/v2/models/{model}/infer", text + (data or b""), headers)


@contextlib.contextmanager
def running(app: turnout.Turnout, settings: ServeSettings | None = None) -> Iterator[Running]:
    """Yield a server of ``app``, which runs in a thread."""
    settings = settings or ServeSettings()
    with running_application(create_application(app, settings), settings) as found:
        yield found


@contextlib.contextmanager
def running_application(application: Any, settings: ServeSettings) -> Iterator[Running]:
    """Yield a server of an ASGI app, with the connections of ``turnout serve``, which runs in a thread."""
    config = uvicorn.Config(
        application,
        port=0,
        http=protocol_for(settings),
        log_config=None,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=int(settings.keep_alive_seconds),
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    original = server.startup

    async def startup(*arguments: Any, **more: Any) -> None:
        await original(*arguments, **more)
        started.set()

    server.startup = startup
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        assert started.wait(20)
        yield Running("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
