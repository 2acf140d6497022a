"""The routes of all rooms, and the answer where no route fits."""

from __future__ import annotations

from types import SimpleNamespace

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Receive, Scope, Send

from turnout.errors import shown, suggestion
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings


class RoutedRooms:
    """The routes of all rooms. ``request.app.state.settings`` are the settings, in each handler."""

    def __init__(self, routes: list[BaseRoute], settings: ServeSettings) -> None:
        self.state = SimpleNamespace(settings=settings)
        self._router = Router(routes, redirect_slashes=False)
        self._router.default = self._find_nothing
        self._patterns = [route.path_regex for route in routes if isinstance(route, Route)]
        self._paths = sorted({route.path for route in routes if isinstance(route, Route)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            if error.status_code != 405:
                raise
            allowed = (error.headers or {}).get("Allow", "")
            detail = f"{scope['path']!r} takes {allowed or 'other methods'}, not {scope['method']}"
            raise Problem(405, detail, headers=error.headers) from error

    async def _find_nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        bare = path.rstrip("/")
        # The same path without the slash at its end is nearer than any other.
        advice = f" Did you mean {shown(repr(bare), 120)}?" if self._has(bare) else suggestion(path, self._paths)
        raise Problem(404, f"nothing is at {shown(repr(path), 120)}.{advice} GET /openapi.json lists what is here")

    def _has(self, path: str) -> bool:
        return bool(path) and any(pattern.match(path) for pattern in self._patterns)
