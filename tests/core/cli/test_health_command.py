"""``turnout health``: a table, JSON, and an exit code for a probe."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import numpy as np
import pytest

import turnout
from turnout.errors import TurnoutError
from turnout.health import wsgi_app
from turnout.testing import PlusOne, Unavailable

X = np.ones(1, np.float32)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def served(app: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(20)


@contextmanager
def running(plugins_with: Any, first: Any, **model: Any) -> Iterator[str]:
    settings = {"models": {"m": {"backend": "first", "backends": {"first": {}, "other": {}}, **model}}}
    with turnout.open(settings, plugins=plugins_with({"first": first, "other": PlusOne})) as app:
        for _ in range(6):
            try:
                app.model("m").infer({"x": X})
            except TurnoutError:
                continue
        with served(wsgi_app(app)) as url:
            yield url


def words(line: str) -> list[str]:
    return line.split()


def test_a_running_app_that_is_ready_ends_with_0(cli: Any, plugins_with: Any) -> None:
    with running(plugins_with, PlusOne) as url:
        ended = cli("health", "--url", url)

    header, row = ended.out.splitlines()
    assert words(header) == ["model", "role", "backend", "state", "circuit", "version", "ready", "last", "error"]
    assert words(row) == ["m", "serves", "first", "open", "-", "-", "yes", "-"]
    assert (ended.code, ended.err) == (0, "")


def test_a_model_that_fails_ends_with_1_and_the_reason(cli: Any, plugins_with: Any) -> None:
    with running(plugins_with, Unavailable) as url:
        ended = cli("health", "--url", url)

    assert ended.code == 1
    assert "FAIL model 'm': backend 'first': the last 6 requests failed: BackendUnavailableError" in ended.out


def test_a_fallback_in_use_is_marked_and_ends_with_0(cli: Any, plugins_with: Any) -> None:
    with running(plugins_with, Unavailable, fallback="other") as url:
        ended = cli("health", "--url", url)

    assert ended.code == 0
    assert "fallback, in use" in ended.out


def test_json_is_the_report_with_its_source(cli: Any, plugins_with: Any) -> None:
    with running(plugins_with, PlusOne) as url:
        ended = cli("health", "--url", f"{url}/health/ready", "--json")

    found = json.loads(ended.out)
    assert (found["source"], found["ready"], found["reasons"]) == (f"{url}/health/ready", True, [])
    assert found["models"]["m"]["arms"][0]["backend"] == "first"


def test_no_app_at_the_url_ends_with_3_and_says_what_to_do(cli: Any, plugins_with: Any) -> None:
    ended = cli("health", "--url", "http://127.0.0.1:9")

    assert (ended.code, ended.out) == (3, "")
    assert "no app answers GET /health/ready at 'http://127.0.0.1:9': ConnectionRefusedError" in ended.err
    assert "next: start the app, or correct --url" in ended.err
    assert "metrics.port" not in ended.err


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'{"ready": 1}', b'{"ready": true, "reasons": [], "models": [1]}'])
def test_something_else_at_the_url_ends_with_3(cli: Any, body: bytes) -> None:
    def app(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [])
        return [body]

    with served(app) as url:
        ended = cli("health", "--url", url)

    assert ended.code == 3
    assert "status 200, and no report of health; correct --url" in ended.err


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host:port", "http://[::1"])
def test_a_text_that_is_no_url_ends_with_2(cli: Any, url: str) -> None:
    ended = cli("health", "--url", url)

    assert ended.code == 2
    assert "is no URL of an app" in ended.err
    assert "http://localhost:8000" in ended.err
    assert "Error:" not in ended.err.partition("is no URL of an app")[2]
    assert "next: correct --url, such as --url http://localhost:8000" in ended.err


@pytest.mark.parametrize("url", ["localhost:9464", "foo", "10.0.0.7:80/health"])
def test_a_url_without_a_scheme_is_shown_with_one(cli: Any, url: str) -> None:
    ended = cli("health", "--url", url)

    assert ended.code == 2
    assert f"it does not begin with http:// or https://; write it as http://{url}\n" in ended.err


def test_without_a_port_the_servers_are_asked_from_here_and_nothing_is_loaded(cli: Any, settings_file: Path) -> None:
    ended = cli("health")

    rows = [words(line) for line in ended.out.splitlines()[1:]]
    assert rows == [
        ["first", "serves", "plus", "unopened", "-", "-", "yes", "-"],
        ["second", "serves", "plus", "unopened", "-", "-", "yes", "-"],
    ]
    assert ended.code == 0
    assert "no running app was asked: set metrics.port in turnout.yaml, or name an app with --url" in ended.err


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_the_app_at_the_port_of_the_file_is_asked(cli: Any, address: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as chosen:
        chosen.bind((address, 0))
        port = chosen.getsockname()[1]
    settings = f"metrics: {{port: {port}, address: '{address}'}}\nmodels: {{m: {{backend: plus, backends: {{plus: }}}}}}\n"
    Path("turnout.yaml").write_text(settings, "utf-8")

    with turnout.open() as app:
        app.model("m").infer({"x": X})
        up = cli("health", "--json")
    down = cli("health")

    found = json.loads(up.out)
    assert (up.code, found["models"]["m"]["arms"][0]["state"]) == (0, "open")
    assert found["source"].endswith(f":{port}")
    assert down.code == 3
    assert "next: start the app, or set metrics.port in turnout.yaml" in down.err


def test_a_wrong_file_ends_with_2(cli: Any) -> None:
    Path("turnout.yaml").write_text("models: [", "utf-8")

    assert cli("health").code == 2
