"""The id of each HTTP request: the caller's ``X-Request-Id`` if it is usable, otherwise one of our own."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, MutableMapping
from typing import Any

HEADER = b"x-request-id"
_KEY = "turnout.request_id"
# What a log, a header and a shell take as it is.
_USABLE = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,120}")


def new_request_id() -> str:
    """Return an id of our own."""
    # Not os.urandom: it lets another thread take the interpreter. An id is no secret.
    return f"{random.getrandbits(64):016x}"


def assign_request_id(scope: MutableMapping[str, Any]) -> str:
    """Set the id of the request of ``scope`` and return it."""
    given = _given(scope["headers"])
    scope[_KEY] = found = given.decode() if given is not None and _USABLE.fullmatch(given) else new_request_id()
    return found


def request_id_of(scope: MutableMapping[str, Any]) -> str:
    """Return the id of the request of ``scope``."""
    return str(scope.get(_KEY) or assign_request_id(scope))


def _given(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == HEADER:
            return value
    return None
