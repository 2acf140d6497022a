"""The paths that the port of an app answers: its metrics and its health."""

from __future__ import annotations

from typing import Protocol

from turnout.health import Health, wsgi_app
from turnout.health.pages import LIVE, READY
from turnout.metrics import Metrics
from turnout.metrics.exposition import scrape_wsgi
from turnout.serving.port.port import Port
from turnout.settings import LoadedSettings


class Observable(Protocol):
    """An app with metrics and health."""

    metrics: Metrics

    def health(self, *, timeout_seconds: float = ...) -> Health:
        """Return its health."""


def app_port(app: Observable, loaded: LoadedSettings) -> Port | None:
    """Return the port of ``app``, whose settings are ``loaded``; None if they name none. The caller opens it."""
    settings = loaded.settings.metrics
    if settings.port is None:
        return None
    health = wsgi_app(app)
    routes = {"/metrics": scrape_wsgi(app.metrics.collect), LIVE: health, READY: health}
    return Port(settings.address, settings.port, routes, loaded.where("metrics", "port"))
