"""Health as a WSGI app, to mount in another one or to run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Protocol

from turnout.health.pages import NOT_ALLOWED, NOT_FOUND, health_page
from turnout.health.report import Health

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class HasHealth(Protocol):
    """An app of Turnout."""

    def health(self) -> Health:
        """Return the present health."""


def wsgi_app(app: HasHealth) -> WsgiApp:
    """Return a WSGI app with the pages ``/health/live`` and ``/health/ready`` of ``app``: 200 for yes, 503 for no."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        page = NOT_ALLOWED
        if method in ("GET", "HEAD"):
            page = health_page(str(environ.get("PATH_INFO", "")), app.health) or NOT_FOUND
        start_response(f"{page.status} {HTTPStatus(page.status).phrase}", page.headers())
        return [] if method == "HEAD" else [page.body]

    return answer
