"""A watch on a file, which calls back when the file changes."""

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
CLOSE_SECONDS = 10.0
SETTLED_SECONDS = 2.0
"""Two writes within one tick of the file system's clock look alike, so a file is read again until it is this old."""

_Fingerprint = tuple[int, int, int] | None


def _nothing() -> None:
    return None


class FileWatch:
    """Calls ``act`` in its own thread when a file has changed; ``close`` ends the thread.

    After a ConfigurationError of ``act`` the watch waits for the next change; after any other TurnoutError, such as a server
    that is down, it calls ``act`` again at every poll. Each error is logged once. A forked child starts its own thread.
    After each poll it calls ``also``, for what changes beside the file.
    """

    def __init__(
        self,
        file: Path,
        act: Callable[[], object],
        interval_seconds: float = INTERVAL_SECONDS,
        also: Callable[[], object] = _nothing,
    ) -> None:
        self._file = file
        self._act = act
        self._also = also
        self._interval_seconds = interval_seconds
        self._seen: _Fingerprint = None
        self._repeat = True
        self._logged = ""
        self._start()
        Forks.renew(self)

    def close(self) -> None:
        """End the thread; blocks for 10 s at most while a call of ``act`` is in progress."""
        self._ended.set()
        self._thread.join(CLOSE_SECONDS)

    def renew(self) -> None:
        """Start the thread of a forked child, which polls once more: a call that the parent was making does not end here."""
        self._repeat = True
        if not self._ended.is_set():
            self._start()

    def _start(self) -> None:
        self._ended = threading.Event()
        # A daemon: an app that is never closed must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="turnout-watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_seconds):
            try:
                self.poll()
                self._also()
            except Exception:
                logger.exception("the settings file %r cannot be watched", str(self._file))

    def poll(self) -> None:
        """Call ``act`` if the file has changed since the last poll."""
        now = time.time_ns()
        seen = _fingerprint(self._file)
        if seen is None or (seen == self._seen and not self._repeat):
            return
        # Set before the call: a change during it must count as a new one.
        self._seen, self._repeat = seen, now - seen[1] < SETTLED_SECONDS * 1e9
        try:
            self._act()
        except TurnoutError as error:
            self._repeat = self._repeat or not isinstance(error, ConfigurationError)
            self._log(error)
        else:
            self._logged = ""

    def _log(self, error: TurnoutError) -> None:
        text = one_line(error)
        if text != self._logged:
            logger.warning("%s cannot be applied; the previous settings stay in force: %s", self._file, text)
        self._logged = text


def _fingerprint(file: Path) -> _Fingerprint:
    try:
        found = file.stat()
    except OSError:  # an editor may have removed it to write it again
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
