"""The health of an app as a WSGI and an ASGI app."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest

import turnout
from turnout.health import ArmHealth, Health, ModelHealth, asgi_app, health_page, wsgi_app
from turnout.health.pages import NOT_ALLOWED

ARM = ArmHealth("b", "serves", "open", None, ready=False, reason="down", last_error="refused", last_error_age_seconds=1.0)
MODEL = ModelHealth("m", "b", ready=False, reason="backend 'b': down", fallback_in_use=None, arms=(ARM,))
GOOD = Health(live=True, ready=True, reasons=(), models={})
BAD = Health(live=True, ready=False, reasons=("model 'm': backend 'b': down",), models={"m": MODEL})
CLOSED = Health(live=False, ready=False, reasons=("closed",), models={})


class Reports:
    """Has the health that a test sets."""

    def __init__(self, report: Health = GOOD) -> None:
        self.report = report

    def health(self) -> Health:
        return self.report


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def ask(url: str, method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def wsgi(app: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, validator(wsgi_app(app)), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(20)


@contextmanager
def asgi(app: Any) -> Iterator[str]:
    uvicorn = pytest.importorskip("uvicorn")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(asgi_app(app), log_config=None, lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.mark.parametrize("serve", [wsgi, asgi])
def test_a_probe_gets_200_or_503(serve: Callable[[Any], Any]) -> None:
    app = Reports()
    with serve(app) as url:
        good = [ask(f"{url}/health/{path}")[0] for path in ("live", "ready")]
        app.report = BAD
        bad = [ask(f"{url}/health/{path}")[0] for path in ("live", "ready")]
        app.report = CLOSED
        closed = [ask(f"{url}/health/{path}")[0] for path in ("live", "ready")]
        app.report = GOOD
        again = ask(f"{url}/health/ready")

    assert (good, bad, closed) == ([200, 200], [200, 503], [503, 503])
    assert again == (200, b'{"live": true, "ready": true, "reasons": [], "models": {}}\n')


@pytest.mark.parametrize("serve", [wsgi, asgi])
def test_other_paths_and_methods_are_refused_and_the_next_probe_is_answered(serve: Callable[[Any], Any]) -> None:
    with serve(Reports()) as url:
        other = ask(f"{url}/healthy")
        post = ask(f"{url}/health/ready", "POST")
        head = ask(f"{url}/health/ready", "HEAD")
        good = ask(f"{url}/health/ready")

    assert (other[0], json.loads(other[1])) == (404, {"error": "there are /health/live and /health/ready"})
    assert (post[0], json.loads(post[1])) == (405, {"error": "send GET or HEAD"})
    assert head == (200, b"")
    assert good[0] == 200


def test_the_report_has_the_reasons_and_the_arms() -> None:
    page = health_page("/health/ready", lambda: BAD)

    assert page is not None
    assert json.loads(page.body) == BAD.as_json()
    assert json.loads(page.body)["models"]["m"]["arms"][0]["last_error"] == "refused"


def test_an_app_that_is_mounted_at_health_gets_the_rest_of_the_path() -> None:
    pages = [health_page(path, lambda: GOOD) for path in ("/live", "/ready", "/", "", "/livelive")]

    assert [page and page.status for page in pages] == [200, 200, None, None, None]


@pytest.mark.parametrize("serve", [wsgi, asgi])
def test_a_real_app_is_served(serve: Callable[[Any], Any], make_app: Callable[..., turnout.Turnout]) -> None:
    app = make_app()
    with serve(app) as url:
        status, body = ask(f"{url}/health/ready")
        app.close()
        closed = ask(f"{url}/health/live")[0]

    assert (status, json.loads(body)["models"]["plus"]["arms"][0]["state"]) == (200, "unopened")
    assert closed == 503


def test_an_error_text_of_a_stranger_is_json_without_control_characters() -> None:
    arm = ArmHealth("b", "serves", "open", None, ready=False, reason="\x1b[31m\x7f\u202e")
    model = ModelHealth("m", "b", ready=False, reason="", fallback_in_use=None, arms=(arm,))
    report = Health(live=True, ready=False, reasons=(), models={"m": model})

    page = health_page("/health/ready", lambda: report)

    assert page is not None
    assert page.body.strip().decode().isprintable()
    assert page.body.isascii()


def test_a_method_that_is_refused_is_answered_with_those_that_are_not() -> None:
    page = health_page("/health/live", lambda: GOOD)
    assert page is not None

    assert ("Allow", "GET, HEAD") in NOT_ALLOWED.headers()
    assert [name for name, _ in page.headers()] == ["Content-Type", "Content-Length", "Cache-Control"]
