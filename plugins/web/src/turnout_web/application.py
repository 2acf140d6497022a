"""The ASGI app of an app of Turnout: the routes of the rooms, behind the checks of each request."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from turnout import Turnout
from turnout_web import kserve, operations, pipelines
from turnout_web.access import TokenCheck
from turnout_web.exchange import Exchange
from turnout_web.limits.body_size import BodyLimit
from turnout_web.limits.concurrency import ConcurrencyLimit
from turnout_web.settings import ServeSettings

Routes = Callable[[Turnout, ServeSettings], list[BaseRoute]]

# The first that matches answers.
ROOMS: tuple[Routes, ...] = (kserve.routes, operations.routes, pipelines.routes)
UNCOUNTED = (operations.METRICS, *operations.PROBES)


def create_application(app: Turnout, settings: ServeSettings) -> ASGIApp:
    """Return the ASGI app that serves ``app``; the caller keeps ``app`` open while it runs."""
    inner: ASGIApp = RoutedRooms([route for room in ROOMS for route in room(app, settings)], settings)
    inner = ConcurrencyLimit(inner, settings.max_concurrent_requests, UNCOUNTED)
    inner = BodyLimit(inner, settings.max_body_bytes)
    if settings.token is not None:
        inner = TokenCheck(inner, settings.token, operations.PROBES)
    return Exchange(inner)


class RoutedRooms:
    """The routes of all rooms. ``request.app.state.settings`` are the settings, in each handler."""

    def __init__(self, routes: list[BaseRoute], settings: ServeSettings) -> None:
        self.state = SimpleNamespace(settings=settings)
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._router(scope, receive, send)
