"""The routes of operations: ``/metrics``, ``/health/live`` and ``/health/ready``."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from turnout import Turnout
from turnout.health import PATHS, asgi_app
from turnout.metrics.exposition import scrape_asgi
from turnout_web.asgi_endpoint import AsgiEndpoint
from turnout_web.settings import ServeSettings

METRICS = "/metrics"
PROBES = PATHS


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the routes. Readiness is that of the data path: whether a request sent now would be answered."""
    del settings
    health = AsgiEndpoint(asgi_app(app))
    metrics = AsgiEndpoint(scrape_asgi(app.metrics.collect))
    return [Route(path, answer, methods=["GET"]) for path, answer in ((METRICS, metrics), *((path, health) for path in PROBES))]
