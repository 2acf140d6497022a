"""Requests whose heads are equal byte for byte, as those of a client that calls one model again and again.

The first one passes every check of the server. If it is answered, the route may leave a ``Repeat`` in the scope, and the
connection answers the next request with the same head by it: nothing that a check reads has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any, Protocol

_KEY = "turnout.repeat"
# Headers that change nothing, or that a route reads itself. Others are read by checks of which a route knows nothing.
_PLAIN = frozenset(
    (
        b"host",
        b"user-agent",
        b"accept",
        b"authorization",
        b"content-type",
        b"content-length",
        b"inference-header-content-length",
    )
)
_KEPT = (b"connection", b"keep-alive")

Buffer = bytes | memoryview


class Repeat(Protocol):
    """Answers further requests with the same head, at once.

    Attributes:
        body_bytes: the length of their bodies.
    """

    body_bytes: int

    def answer(self, body: bytes, request_id: str) -> tuple[bytes, Sequence[Buffer]] | None:
        """Return status line and headers, and the body in parts; None if the request must take the usual way.

        Then nothing of it has run. Other headers are added by the connection.
        """


def is_plain(scope: MutableMapping[str, Any]) -> bool:
    """Return whether the head of the request of ``scope`` has nothing that asks for more than the usual."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    if scope["http_version"] != "1.1" or scope["query_string"]:
        return False
    return all(name in _PLAIN or (name, value.lower()) == _KEPT for name, value in headers)


def offer_repeat(scope: MutableMapping[str, Any], repeat: Repeat) -> None:
    """Offer ``repeat`` for the head of the request of ``scope``."""
    scope[_KEY] = repeat


def offered_repeat(scope: MutableMapping[str, Any]) -> Repeat | None:
    """Return what was offered for the head of the request of ``scope``, once; None if nothing was."""
    found: Repeat | None = scope.pop(_KEY, None)
    return found
