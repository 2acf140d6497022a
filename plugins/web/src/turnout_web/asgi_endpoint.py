"""An ASGI function as the endpoint of a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send


class AsgiEndpoint:
    """Calls ``answer`` for a request of the route; starlette takes a plain function for one that returns a response."""

    def __init__(self, answer: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)
