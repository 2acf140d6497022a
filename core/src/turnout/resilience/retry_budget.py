"""Tokens that requests earn."""

from __future__ import annotations

import threading

from turnout.forking import Forks

_MOST_TOKENS = 10.0
_ALMOST = 1 - 1e-9  # ten tenths are less than one


class RetryBudget:
    """Each request earns ``ratio`` of a token, up to ten tokens. Thread-safe: ``_tokens`` changes under ``_lock``.

    It starts empty: whatever happens, no more is spent than ``ratio`` of the requests.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._tokens = 0.0
        self._lock = threading.Lock()
        Forks.renew(self)

    def earn(self) -> None:
        """Take what one request brings."""
        with self._lock:
            self._tokens = min(self._tokens + self._ratio, _MOST_TOKENS)

    def spend(self) -> bool:
        """Take one token out; tell whether there was one."""
        with self._lock:
            if self._tokens < _ALMOST:
                return False
            self._tokens -= 1
            return True

    def renew(self) -> None:
        """Leave the tokens to the parent."""
        self._lock = threading.Lock()
        self._tokens = 0.0
