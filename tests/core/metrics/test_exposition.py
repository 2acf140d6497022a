"""Scrapes over WSGI and ASGI, without a web framework."""

from __future__ import annotations

import asyncio
import gzip
import logging
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from turnout.errors import ConfigurationError
from turnout.metrics import Metrics
from turnout.metrics.exposition import scrape_asgi, scrape_text, scrape_wsgi
from turnout.metrics.process_sum import collect_processes

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Answer = tuple[str, dict[str, str], bytes]


def wsgi(app: Any, **environ: str) -> Answer:
    environ = {"QUERY_STRING": "", "SCRIPT_NAME": "", "PATH_INFO": "/metrics", **environ}
    setup_testing_defaults(environ)
    head: list[Any] = []
    body = b"".join(app(environ, lambda status, headers, error=None: head.extend((status, headers))))
    return head[0], dict(head[1]), body


def asgi(app: Any, method: str = "GET", query: bytes = b"", **headers: str) -> Answer:
    sent: list[dict[str, Any]] = []
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/metrics", "query_string": query, "headers": fields}

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, body = sent
    return str(start["status"]), {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


def without_process(text: str) -> list[str]:
    """Return the lines of a scrape without this process's CPU time and memory, which the next scrape finds changed."""
    return [line for line in text.splitlines() if not line.startswith("process_")]


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.requests("m", "b").answered.add(0.5)
    return metrics


def test_both_answer_with_the_text_of_a_scrape(metrics: Metrics) -> None:
    status, headers, body = wsgi(scrape_wsgi(metrics.collect), PATH_INFO="/metrics")

    assert (status, headers["Content-Type"]) == ("200 OK", "text/plain; version=0.0.4; charset=utf-8")
    assert b'turnout_inference_requests_total{backend="b",model="m",outcome="ok"} 1.0' in body
    status, headers, again = asgi(scrape_asgi(metrics.collect))
    assert (status, headers["content-type"]) == ("200", "text/plain; version=0.0.4; charset=utf-8")
    assert again.splitlines()[0] == body.splitlines()[0]


def test_the_application_keeps_the_rules_of_wsgi(metrics: Metrics) -> None:
    environ: dict[str, Any] = {"QUERY_STRING": "", "SCRIPT_NAME": "", "PATH_INFO": "/metrics"}
    setup_testing_defaults(environ)

    body = validator(scrape_wsgi(metrics.collect))(environ, lambda status, headers, error=None: None)

    assert b"".join(body)
    body.close()


def test_both_negotiate_the_format_and_the_compression(metrics: Metrics) -> None:
    _, headers, body = wsgi(scrape_wsgi(metrics.collect), HTTP_ACCEPT=OPENMETRICS, HTTP_ACCEPT_ENCODING="gzip")

    assert (headers["Content-Encoding"], headers["Content-Type"][:28]) == ("gzip", "application/openmetrics-text")
    assert gzip.decompress(body).endswith(b"# EOF\n")
    _, headers, body = asgi(scrape_asgi(metrics.collect), accept=OPENMETRICS, accept_encoding="gzip")
    assert (headers["content-encoding"], headers["content-type"][:28]) == ("gzip", "application/openmetrics-text")
    assert gzip.decompress(body).endswith(b"# EOF\n")


def test_both_answer_with_chosen_names(metrics: Metrics) -> None:
    names = "name[]=turnout_inference_in_flight"

    _, _, body = wsgi(scrape_wsgi(metrics.collect), QUERY_STRING=names)

    assert [line for line in body.decode().splitlines() if line[0] != "#"] == [
        'turnout_inference_in_flight{backend="b",model="m"} 0.0'
    ]
    assert asgi(scrape_asgi(metrics.collect), query=names.encode())[2] == body


def test_both_refuse_another_method(metrics: Metrics) -> None:
    assert wsgi(scrape_wsgi(metrics.collect), REQUEST_METHOD="POST")[0] == "405 Method Not Allowed"
    assert asgi(scrape_asgi(metrics.collect), "DELETE")[0] == "405"


def test_a_folder_that_is_gone_is_one_line_in_the_answer_and_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "metrics"
    app = scrape_wsgi(lambda: collect_processes(folder))

    with caplog.at_level(logging.WARNING):
        status, _, body = wsgi(app)

    assert status == "500 Internal Server Error"
    assert body.decode().startswith(f"metrics of several processes: PROMETHEUS_MULTIPROC_DIR is '{folder}', and there is no")
    assert body.count(b"\n") == 1
    assert [record.getMessage() for record in caplog.records] == [f"a scrape failed: {body.decode().strip()}"]
    folder.mkdir()
    assert wsgi(app)[0] == "200 OK"


def test_another_kind_of_connection_is_refused(metrics: Metrics) -> None:
    async def call() -> None:
        await scrape_asgi(metrics.collect)({"type": "websocket"}, None, None)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="a scrape is an HTTP request, not 'websocket'"):
        asyncio.run(call())


def test_the_text_of_a_scrape(metrics: Metrics, tmp_path: Path) -> None:
    assert without_process(scrape_text(metrics.collect)) == without_process(metrics.render())
    assert scrape_text(lambda: collect_processes(tmp_path)) == ""
    with pytest.raises(ConfigurationError):
        scrape_text(lambda: collect_processes(tmp_path / "gone"))
