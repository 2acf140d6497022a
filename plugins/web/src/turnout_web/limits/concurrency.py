"""The limit of the requests that one process answers at once."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from turnout_web.problems import Problem


class ConcurrencyLimit:
    """An ASGI app that answers 503 for a request above ``limit``; probes and scrapes are not counted.

    Belongs to one event loop, so that the count needs no lock.
    """

    def __init__(self, inner: ASGIApp, limit: int, exempt: tuple[str, ...]) -> None:
        self._inner, self._limit, self._exempt = inner, limit, exempt
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._exempt:
            return await self._inner(scope, receive, send)
        if self._running >= self._limit:
            raise Problem(
                503,
                f"the server answers {self._limit} requests at once, and so many are running; send it again later",
                headers={"Retry-After": "1"},
                retry_after_seconds=1.0,
            )
        self._running += 1
        try:
            return await self._inner(scope, receive, send)
        finally:
            self._running -= 1
