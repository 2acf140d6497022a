"""Health as an ASGI app, to mount in another one or to run alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from turnout.health.pages import NOT_ALLOWED, NOT_FOUND, HealthPage, health_page
from turnout.health.wsgi import HasHealth

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def asgi_app(app: HasHealth) -> AsgiApp:
    """Return an ASGI app with the pages ``/health/live`` and ``/health/ready`` of ``app``: 200 for yes, 503 for no."""

    async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await _send(send, await _page(scope, app), with_body=scope["method"] != "HEAD")

    return answer


async def _page(scope: MutableMapping[str, Any], app: HasHealth) -> HealthPage:
    if scope["method"] not in ("GET", "HEAD"):
        return NOT_ALLOWED
    # In a thread: it may wait for a server, a second at most.
    return await asyncio.to_thread(health_page, scope["path"], app.health) or NOT_FOUND


async def _send(send: Send, page: HealthPage, *, with_body: bool) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in page.headers()]
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    await send({"type": "http.response.body", "body": page.body if with_body else b""})


async def _live(receive: Receive, send: Send) -> None:
    """Answer the start and the end of a server that runs this app alone."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
