"""The errors of one request, which name it."""

from __future__ import annotations

import copy
from typing import NoReturn

from turnout.errors import TurnoutError


def raise_of_request(error: TurnoutError, id: object) -> NoReturn:
    """Raise ``error`` to the caller of the request ``id``; without an id, as it is."""
    raise of_request(error, id) if type(id) is str and id else error


def of_request(error: TurnoutError, id: str) -> TurnoutError:
    """Return a copy of ``error`` that names the request ``id``.

    A copy, because the callers of one batch, or of a model that cannot be opened, get one error.
    """
    try:
        own = copy.copy(error)
    except Exception:  # noqa: BLE001  # a plugin's error that cannot be created from its arguments
        own = error
    own.request_id = id
    # A cause that is set hides the context, which is the error without the name.
    own.__cause__ = error.__cause__
    return own.with_traceback(error.__traceback__)
