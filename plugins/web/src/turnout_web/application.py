"""The ASGI app of an app of Turnout: the routes of the rooms, behind the checks of each request."""

from __future__ import annotations

from collections.abc import Callable

from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from turnout import Turnout
from turnout_web import examples, kserve, openapi, operations, page, pipelines
from turnout_web.access import HostCheck, OriginCheck, TokenCheck
from turnout_web.exchange import Exchange
from turnout_web.limits.body_size import BodyLimit
from turnout_web.limits.concurrency import ConcurrencyLimit
from turnout_web.loopback import is_loopback
from turnout_web.rooms import RoutedRooms
from turnout_web.settings import ServeSettings
from turnout_web.trace_context import TraceContext

Routes = Callable[[Turnout, ServeSettings], list[BaseRoute]]

# The first that matches answers.
ROOMS: tuple[Routes, ...] = (kserve.routes, operations.routes, pipelines.routes, examples.routes, openapi.routes, page.routes)
PROBES = (*operations.PROBES, *kserve.PROBES)
UNCOUNTED = (operations.METRICS, *PROBES)


def create_application(app: Turnout, settings: ServeSettings) -> ASGIApp:
    """Return the ASGI app that serves ``app``; the caller keeps ``app`` open while it runs."""
    inner: ASGIApp = RoutedRooms([route for room in ROOMS for route in room(app, settings)], settings)
    inner = TraceContext(inner)
    inner = ConcurrencyLimit(inner, settings.max_concurrent_requests, UNCOUNTED)
    inner = BodyLimit(inner, settings.max_body_bytes)
    if settings.token is not None:
        inner = TokenCheck(inner, settings.token, (*PROBES, *page.OPEN_PATHS))
    else:
        inner = OriginCheck(inner, settings.allow_origins)
        if is_loopback(settings.host):
            inner = HostCheck(inner, settings.allow_hosts)
    inner = Exchange(inner)
    if settings.allow_origins:
        inner = CORSMiddleware(inner, settings.allow_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["*"])
    return inner
