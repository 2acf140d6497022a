"""The log of one of several servers: no caller notices that it is gone, so an operator reads it here."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 60.0


class ReplicaLog:
    """Logs when a server gets no more requests, and when it does again: at most once a minute, whatever it does in between.

    No lock: two threads that write at once log one line twice.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._since = 0.0
        self._quiet_until = 0.0

    def record_failure(self, error: Exception) -> None:
        """Log the first failure of an outage."""
        now = time.monotonic()
        if self._since or now < self._quiet_until:
            return
        self._since, self._quiet_until = now, now + _PAUSE_SECONDS
        logger.warning("server %r gets no requests until it is ready again, other servers get them: %s", self._server, error)

    def record_success(self) -> None:
        """Log the end of an outage that was logged."""
        if self._since:
            seconds, self._since = time.monotonic() - self._since, 0.0
            logger.warning("server %r gets requests again, after %.1f s", self._server, seconds)
