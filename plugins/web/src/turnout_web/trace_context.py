"""W3C's trace context of a caller, below which its request is traced."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from turnout.tracing import caller_context

_HEADERS = (b"traceparent", b"tracestate")


class TraceContext:
    """An ASGI app that runs a request with ``traceparent`` below the caller's span, where the app is traced."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS}
        if not found:
            return await self._inner(scope, receive, send)
        with caller_context(found):
            return await self._inner(scope, receive, send)
