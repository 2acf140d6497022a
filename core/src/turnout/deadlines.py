"""Deadlines: the seconds that a caller allows, as a time on the monotonic clock."""

from __future__ import annotations

import time
from math import isnan
from typing import cast

from numpy import floating, integer

from turnout.error_text import type_name
from turnout.errors import InvalidRequestError

LONGEST_WAIT_SECONDS = 20 * 24 * 3600.0


def deadline_after(seconds: float) -> float:
    """Return the deadline in ``seconds`` from now, 20 days at most: sockets, locks and servers cannot wait for much longer.

    Raises:
        InvalidRequestError: ``seconds`` is no number.
    """
    if type(seconds) is not float or not abs(seconds) < LONGEST_WAIT_SECONDS:
        check_number(seconds, "a timeout", "write timeout_seconds=2.5")
        seconds = float(max(-LONGEST_WAIT_SECONDS, min(seconds, LONGEST_WAIT_SECONDS)))
    return time.monotonic() + seconds


def check_number(seconds: object, what: str, advice: str) -> None:
    """Raise InvalidRequestError unless ``seconds`` is a number of seconds; ``what`` begins the message."""
    kind = type(seconds)
    is_nan = issubclass(kind, float | floating) and isnan(cast("float", seconds))
    if is_nan or kind is bool or not issubclass(kind, int | float | integer | floating):
        found = "NaN" if is_nan else type_name(seconds)
        raise InvalidRequestError(f"{what} is a number of seconds, got {found}; {advice}", field="deadline")
