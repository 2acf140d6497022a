"""The limit of a body's size."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout_web.limits.json_body import too_large


class BodyLimit:
    """An ASGI app that answers 413 for a body of more than ``max_bytes``, before it is read where its size is declared."""

    def __init__(self, inner: ASGIApp, max_bytes: int) -> None:
        self._inner, self._max_bytes = inner, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = chunked = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunked = value
        # The server reads no more than the declared length.
        if length is not None and (declared := int(length)) > self._max_bytes:
            raise too_large(declared, self._max_bytes)
        await self._inner(scope, self._counted(receive) if chunked is not None else receive, send)

    def _counted(self, receive: Receive) -> Any:
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._max_bytes:
                raise too_large(None, self._max_bytes)
            return message

        return counted
