"""Access by a bearer token."""

from __future__ import annotations

import hashlib
import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

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
            raise _refusal(
                "the token is not the one of this server; send the one that it was started with", ', error="invalid_token"'
            )


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _refusal(detail: str, more: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="turnout"{more}'})
