"""The reports of an open model: the version that answers, its servers, the bytes to and from them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from turnout.awaiting import Threads
from turnout.errors import ClosedError
from turnout.files.fingerprint import content_fingerprint
from turnout.forking import Forks
from turnout.metrics.backends import BackendMeter
from turnout.metrics.labels import Direction, Transport
from turnout.model_observer import ModelObserver
from turnout.repository.versions import version_text
from turnout.shown_text import shown

logger = logging.getLogger(__name__)

_LONGEST_VERSION = _MOST_KNOWN = 64
_NEVER = float("-inf")
# Servers in the middle of a roll answer in turn: a second change within this time is no news.
_ROLL_SECONDS = 2.0


class ArmReports:
    """Records what the model of one arm reports while it is open, and logs when its version changes.

    The SHA-256 of its files takes seconds for a large model, so a thread of the app reads them; ``turnout_model_info`` appears
    then. Thread-safe: ``_meter`` and ``_version`` are under ``_lock``.
    """

    def __init__(
        self,
        arm: tuple[str, str],
        open_meter: Callable[[], BackendMeter],
        files: Callable[[], Iterable[Path]],
        threads: Threads,
    ) -> None:
        """Record for ``arm``, a model and a backend; ``files`` returns the files that decide its answers."""
        self._model, self._backend = arm
        self._open_meter = open_meter
        self._files = files
        self._threads = threads
        self._meter: BackendMeter | None = None
        self._version: str | None = None
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the parent's open model; a forked child opens its own."""
        self._lock = threading.Lock()
        self._meter = self._version = None
        self._changed_at = _NEVER
        self._sha256: dict[str, str] = {}

    def begin(self) -> ModelObserver:
        """Return the observer of a model that is open now; what was recorded for the one before it ends."""
        self.close()
        # Outside the lock: its first use creates files in the multi-process mode.
        meter = self._open_meter()
        with self._lock:
            self._meter = meter
        ignore = ModelObserver()
        return ModelObserver(
            partial(self._record_version, meter),
            meter.set_replica,
            meter.transferred.get((Transport.WIRE, Direction.SENT), ignore.wire_sent),
            meter.transferred.get((Transport.WIRE, Direction.RECEIVED), ignore.wire_received),
            meter.transferred.get((Transport.SHARED_MEMORY, Direction.SENT), ignore.shared_memory_sent),
            meter.transferred.get((Transport.SHARED_MEMORY, Direction.RECEIVED), ignore.shared_memory_received),
        )

    def opened(self) -> None:
        """Record a model that reports no version as one without."""
        meter = self._meter
        if meter is not None and self._version is None:
            self._record_version(meter, "")

    def version(self) -> str | None:
        """Return the version that answers now; None if it is not known."""
        return self._version or None

    def close(self) -> None:
        """End what was recorded. May be called twice."""
        with self._lock:
            meter, self._meter, self._version = self._meter, None, None
            self._changed_at, self._sha256 = _NEVER, {}
        if meter is not None:
            meter.close()

    def _record_version(self, meter: BackendMeter, version: str) -> None:
        # From a server: any text, of any length.
        version, now = shown(version[:_LONGEST_VERSION])[:_LONGEST_VERSION], time.monotonic()
        with self._lock:
            before, current = self._version, self._meter is meter
            if not current or before == version:
                return
            rolls, self._changed_at = now - self._changed_at < _ROLL_SECONDS, now if before is not None else _NEVER
            self._version = version
        if before is not None and not rolls:
            # An operator must know: answers may differ from now on.
            arm = self._model, self._backend
            logger.warning("model %r on backend %r: version %r answers now instead of %r", *arm, version, before)
        with suppress(ClosedError):
            self._threads.call(partial(self._show, meter, version), name=f"the files of model {self._model!r}")

    def _show(self, meter: BackendMeter, version: str) -> None:
        # Of a version that answers again the files are not read again.
        sha256 = self._sha256.get(version)
        if sha256 is None:
            if len(self._sha256) >= _MOST_KNOWN:
                self._sha256.clear()
            sha256 = self._sha256[version] = self._find_sha256(version)
        with self._lock:
            if self._meter is not meter or self._version != version:
                return
        meter.serve(version, sha256)

    def _find_sha256(self, version: str) -> str:
        # The answers do not depend on it: a file that is missing or cannot be read has no SHA-256 to show.
        with suppress(Exception):
            files = list(self._files())
            if version == version_text(files):
                return content_fingerprint(files)
        return ""
