"""Web applications that answer a scrape, for any server and framework: WSGI and ASGI.

The format and the compression are negotiated as prometheus_client does: the text format, OpenMetrics, gzip.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from prometheus_client import Metric, generate_latest
from prometheus_client.exposition import choose_encoder, gzip_accepted

from turnout.errors import ConfigurationError
from turnout.metrics.registry import Scrape
from turnout.metrics.text_format import Encode, TextFormat

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

Collect = Callable[[], Iterable[Metric]]
Message = MutableMapping[str, Any]
ASGIApplication = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
_ALLOW = ("Allow", "OPTIONS,GET")
# A third of the time of zlib's default, for a tenth more bytes.
_GZIP_LEVEL = 2

_TEXT = TextFormat(generate_latest)
_formats: dict[str, TextFormat] = {}


def scrape_text(collect: Collect) -> str:
    """Return the families of ``collect`` in Prometheus' text format."""
    return _TEXT.text(Scrape(collect).collect())


def scrape_wsgi(collect: Collect) -> WSGIApplication:
    """Return a WSGI application that answers every path with the families of ``collect``.

    If they cannot be collected, it answers 500 with one line, which is logged too.
    """

    def scraped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method != "GET":
            start_response("200 OK" if method == "OPTIONS" else "405 Method Not Allowed", [_ALLOW, _PLAIN])
            return [b"use GET\n"]
        try:
            headers, body = _answer(collect, environ)
        except ConfigurationError as error:
            # Prometheus shows the status only; the log has the line as well.
            logger.warning("a scrape failed: %s", error)
            start_response("500 Internal Server Error", [_PLAIN])
            return [f"{error}\n".encode()]
        start_response("200 OK", headers)
        return [body]

    return scraped


def _answer(collect: Collect, environ: WSGIEnvironment) -> tuple[list[tuple[str, str]], bytes]:
    """Return the headers and the body for what a client accepts, which prometheus_client decides."""
    encode, content_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
    names = parse_qs(environ.get("QUERY_STRING", "")).get("name[]")
    body = _format(encode, content_type).text(Scrape(collect, names).collect()).encode()
    headers = [("Content-Type", content_type)]
    if gzip_accepted(environ.get("HTTP_ACCEPT_ENCODING", "")):
        body = gzip.compress(body, _GZIP_LEVEL)
        headers.append(("Content-Encoding", "gzip"))
    return headers, body


def _format(encode: Encode, content_type: str) -> TextFormat:
    # Not the whole type, whose version is the client's text: the number of formats must have a limit.
    key = content_type.partition(";")[0] + content_type.rpartition("escaping=")[2][:20]
    return _formats.setdefault(key, TextFormat(encode))


def scrape_asgi(collect: Collect) -> ASGIApplication:
    """Return the ASGI application that answers as ``scrape_wsgi``; it collects in a thread, off the event loop."""
    wsgi: Callable[..., Iterable[bytes]] = scrape_wsgi(collect)

    async def scraped(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            raise ValueError(f"a scrape is an HTTP request, not {scope['type']!r}")
        started: list[Any] = []
        body = b"".join(await asyncio.to_thread(wsgi, _environ(scope), lambda *head: started.extend(head)))
        status, headers = started
        fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": int(status.split()[0]), "headers": fields})
        await send({"type": "http.response.body", "body": body})

    return scraped


def _environ(scope: Message) -> WSGIEnvironment:
    """Return the part of a WSGI environment that a scrape reads."""
    fields: dict[bytes, list[str]] = {}
    for name, value in scope.get("headers", ()):
        fields.setdefault(name.lower(), []).append(value.decode("latin-1"))
    return {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "HTTP_ACCEPT": ",".join(fields.get(b"accept", ())),
        "HTTP_ACCEPT_ENCODING": ",".join(fields.get(b"accept-encoding", ())),
    }
