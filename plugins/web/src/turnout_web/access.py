"""Access: the bearer token, the names under which a server may be asked, and the web pages that may ask."""

from __future__ import annotations

import hashlib
import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from turnout_web.loopback import is_loopback
from turnout_web.problems import Problem

_SCHEME = b"bearer "


class TokenCheck:
    """An ASGI app that answers 401 for a request without the bearer token, but for the paths in ``open_paths``."""

    def __init__(self, inner: ASGIApp, token: str, open_paths: tuple[str, ...]) -> None:
        self._inner, self._open_paths = inner, open_paths
        # Digests have one length, so that the time of the comparison says nothing about the token.
        self._digest = _digest(token.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in self._open_paths:
            self._check(scope)
        await self._inner(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            raise _refusal("this server asks for a token; send the header 'Authorization: Bearer TOKEN'", "")
        scheme, token = given[0][: len(_SCHEME)], given[0][len(_SCHEME) :].strip()
        if len(given) > 1 or scheme.lower() != _SCHEME or not hmac.compare_digest(_digest(token), self._digest):
            advice = "the token is not that of this server; send the one that it was started with"
            raise _refusal(advice, ', error="invalid_token"')


class HostCheck:
    """An ASGI app for a server without a token on loopback: it answers 421 for other names than those of loopback.

    A web page on the internet whose name leads to 127.0.0.1 would otherwise use the server through the user's browser.
    """

    def __init__(self, inner: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._inner, self._allowed = inner, frozenset(allowed)
        self._known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope["headers"]:
            if name == b"host" and value not in self._known:
                self._check(value)
        await self._inner(scope, receive, send)

    def _check(self, host: bytes) -> None:
        name = _without_port(host.decode("latin-1"))
        if name not in self._allowed and not is_loopback(name):
            raise Problem(
                421,
                f"this server has no token and answers on loopback names only, it was asked as {name!r}; ask it as 127.0.0.1, "
                "or start it with --allow-host or --token",
            )
        # The names of loopback are many, so that a limit is needed.
        if len(self._known) < 100:
            self._known.add(host)


class OriginCheck:
    """An ASGI app for a server without a token: it answers 403 for requests of web pages of other origins.

    A browser sends a form to any address without asking first, and names the origin of the page; clients that are no
    browser name none.
    """

    def __init__(self, inner: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._inner, self._allowed = inner, frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope["headers"]:
            if name == b"origin":
                self._check(value.decode("latin-1"), scope)
        await self._inner(scope, receive, send)

    def _check(self, origin: str, scope: Scope) -> None:
        own = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        # Without the scheme: a proxy may speak TLS in front of this server.
        if origin.partition("://")[2] not in own and self._allowed.isdisjoint((origin, "*")):
            raise Problem(
                403,
                f"a web page of {origin!r} asked, and this server has no token; start it with --token, or with "
                f"--allow-origin {origin} if that page may ask",
            )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _refusal(detail: str, more: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="turnout"{more}'})
