"""Watching a file for changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from turnout.errors import ConfigurationError, TurnoutError, one_line
from turnout.forking import Forks

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
SETTLED_SECONDS = 2.0
"""Two writes within one tick of the file system's clock look alike, so a file is read again until it is this old."""

_Look = tuple[int, int, int] | None


class FileWatch:
    """Calls ``act`` in a thread of its own when a file has changed; ``close`` ends the thread.

    If ``act`` raises ConfigurationError, the next change is waited for; any other error of Turnout's, such as a server that is
    down, is tried again at every look. Each is logged once. In a forked child the thread is started anew.
    """

    def __init__(self, file: Path, act: Callable[[], object], interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._file = file
        self._act = act
        self._interval_seconds = interval_seconds
        self._seen: _Look = None
        self._again = True
        self._told = ""
        self._start()
        Forks.renew(self)

    def close(self) -> None:
        """End the thread; what it does now is finished first."""
        self._ended.set()
        self._thread.join()

    def renew(self) -> None:
        """Start the thread of a forked child."""
        if not self._ended.is_set():
            self._start()

    def _start(self) -> None:
        self._ended = threading.Event()
        # A daemon: an app that nobody closes must not keep the process.
        self._thread = threading.Thread(target=self._run, name="turnout-watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_seconds):
            try:
                self.look()
            except Exception:
                logger.exception("the settings file %r cannot be watched", str(self._file))

    def look(self) -> None:
        """Act if the file has changed since the last look."""
        now = time.time_ns()
        seen = _look(self._file)
        if seen is None or (seen == self._seen and not self._again):
            return
        self._seen, self._again = seen, now - seen[1] < SETTLED_SECONDS * 1e9
        try:
            self._act()
        except TurnoutError as error:
            self._again = self._again or not isinstance(error, ConfigurationError)
            self._tell(error)
        else:
            self._told = ""

    def _tell(self, error: TurnoutError) -> None:
        text = one_line(error)
        if text != self._told:
            logger.warning("%s cannot be used now, so what was read before stays in force: %s", self._file, text)
        self._told = text


def _look(file: Path) -> _Look:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
