"""A retry budget: tokens that requests earn and retries spend."""

from __future__ import annotations

import threading

from turnout.forking import Forks

# Without a limit, a quiet night would earn a burst of retries for the next outage.
_MAX_TOKENS = 10.0
# Ten times 0.1 is less than 1 in floating point.
_ONE_TOKEN = 1 - 1e-9


class RetryBudget:
    """Each request earns ``ratio`` of a token, up to ten tokens. Thread-safe: ``_tokens`` changes under ``_lock``.

    It starts empty, so retries never exceed ``ratio`` of the requests.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._tokens = 0.0
        self._lock = threading.Lock()
        Forks.renew(self)

    def earn(self) -> None:
        """Add the share of one request."""
        with self._lock:
            self._tokens = min(self._tokens + self._ratio, _MAX_TOKENS)

    def spend(self) -> bool:
        """Remove one token; return whether there was one."""
        with self._lock:
            if self._tokens < _ONE_TOKEN:
                return False
            self._tokens -= 1
            return True

    def renew(self) -> None:
        """Start empty in a forked child: the tokens belong to the parent."""
        self._lock = threading.Lock()
        self._tokens = 0.0
