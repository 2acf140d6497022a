"""Fixtures: a real ``turnout serve`` in a process of its own, with a model that takes as long as its input says."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

PLUGIN = '''
"""Backends that wait for as many seconds as the first number of ``x`` says."""

import asyncio
import os
import time

import numpy as np
import turnout
from turnout import Backend, InferenceResponse, ModelInference, ModelSignature, TensorSpec, hookimpl


class Waits(ModelInference):
    def infer(self, request):
        time.sleep(float(request.inputs["x"][0]))
        return InferenceResponse({"pid": np.array([os.getpid()])}, request.id)

    async def ainfer(self, request):
        await asyncio.sleep(float(request.inputs["x"][0]))
        return InferenceResponse({"pid": np.array([os.getpid()])}, request.id)


class Hangs(ModelInference):
    def infer(self, request):
        time.sleep(float(request.inputs["x"][0]))
        return InferenceResponse(dict(request.inputs), request.id)


class WaitsOptions(turnout.Options):
    broken: bool = False


def _open(model, options):
    if options.broken:
        raise turnout.errors.ModelLoadError("this model cannot be opened")
    return Waits()


@hookimpl
def turnout_backends():
    # Remote, as a model that waits is: a quick one in this process would run in the event loop.
    yield Backend("waits", _open, WaitsOptions, remote=True)
    yield Backend("hangs", lambda model, options: Hangs(), turnout.Options)
'''
FILE = """\
models:
  waits:
    backend: waits
    inputs: {x: "FP32[-1]"}
    outputs: {pid: "INT64[1]"}
    backends: {waits: {}}
  hangs:
    backend: hangs
    inputs: {x: "FP32[-1]"}
    outputs: {x: "FP32[-1]"}
    backends: {hangs: {}}
"""
_START_SECONDS = 60


class Server:
    """One ``turnout serve``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._found: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self.errors), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.port = 0

    def wait_until_ready(self) -> Server:
        limit = time.monotonic() + _START_SECONDS
        while not any(line.startswith("ready") for line in self.errors):
            assert self.process.poll() is None, "".join(self.errors)
            assert time.monotonic() < limit, "".join(self.errors)
            time.sleep(0.02)
        page = next(line for line in self.lines if line.startswith("page"))
        self.port = int(page.rpartition(":")[2].rstrip("/\n"))
        return self

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, seconds: float = 30
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def infer(self, seconds: float, model: str = "waits", **more: Any) -> tuple[int, dict[str, Any]]:
        status, _, body = self.ask("POST", f"/v2/models/{model}/infer", request_of(seconds), **more)
        return status, json.loads(body)

    def end(self, number: int = signal.SIGTERM, seconds: float = 12) -> int:
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 12) -> int:
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(5)
        return code

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        lines.extend(iter(stream.readline, ""))


def request_of(seconds: float) -> bytes:
    return json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [seconds]}]}).encode()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for PYTHONPATH with the plugin."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "turnout_waits-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-waits\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[turnout]\nwaits = turnout_waits_plugin\n", "utf-8")
    (folder / "turnout_waits_plugin.py").write_text(PLUGIN, "utf-8")
    return folder


def _as_in_a_terminal() -> None:
    """Let the signals of a terminal end this process: a shell's background ignores SIGINT, and nohup SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def start(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server on a free port and waits until it is ready."""
    servers: list[Server] = []

    def run(*options: str, ready: bool = True, file: str = FILE, **variables: str) -> Server:
        folder = tmp_path_factory.mktemp("served")
        (folder / "turnout.yaml").write_text(file, "utf-8")
        path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH", "")])])
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "turnout"), "serve", "--port", "0", *options],
            cwd=folder,
            env=environment | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_as_in_a_terminal,  # noqa: PLW1509
        )
        server = Server(process)
        servers.append(server)
        return server.wait_until_ready() if ready else server

    yield run
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        for stream in (server.process.stdout, server.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="session")
def server(start: Callable[..., Server]) -> Server:
    """Return a server that several tests share, with short limits."""
    return start(
        "--header-timeout",
        "1",
        "--body-timeout",
        "1",
        "--max-body-bytes",
        "20000",
        "--max-concurrent-requests",
        "4",
        "--keep-alive",
        "2",
    )
