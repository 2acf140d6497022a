"""Metrics of the settings: whether the last reload succeeded, and its time."""

from __future__ import annotations

import threading
import time

from prometheus_client import CollectorRegistry

from turnout.forking import Forks
from turnout.metrics.catalogue import operation
from turnout.metrics.process_files import guard, write_in_child


class ReloadMeter:
    """The reloads of one app. Thread-safe."""

    def __init__(self, metrics: SettingsMetrics) -> None:
        self._metrics = metrics

    def succeeded(self) -> None:
        """Record that the settings in the file are in force now."""
        self._metrics.set_success(self)

    def failed(self) -> None:
        """Record that they are not: the file is wrong, or a model cannot be opened by it."""
        self._metrics.set_failure(self)

    def close(self) -> None:
        """Forget failed reloads, later ones too: a closed app has no settings in force."""
        self._metrics.forget(self)


class SettingsMetrics:
    """The families, in ``registry``; all apps of a process share them. Thread-safe: what changes is under ``_lock``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # livemin: one worker whose reload failed is a failed reload. A worker that died has none.
        self._success = operation.RELOAD_SUCCESS.create(registry)
        self._time = operation.RELOAD_TIME.create(registry)
        self._open: set[ReloadMeter] = set()
        self._failing: set[ReloadMeter] = set()
        self._succeeded_at = 0.0
        self._write = guard(self._write_both)
        self._lock = threading.Lock()
        self._write()
        Forks.renew(self)

    def renew(self) -> None:
        """Write both values to the files of a forked child, where 0 would be a failed reload."""
        self._lock = threading.Lock()
        write_in_child(self._write)

    def meter(self) -> ReloadMeter:
        """Return the meter of an app that has loaded its settings now; close it with the app."""
        meter = ReloadMeter(self)
        with self._lock:
            self._open.add(meter)
        self.set_success(meter)
        return meter

    def set_success(self, meter: ReloadMeter) -> None:
        """Record a successful load."""
        with self._lock:
            self._failing.discard(meter)
            self._succeeded_at = time.time()
            self._write()

    def set_failure(self, meter: ReloadMeter) -> None:
        """Record a failed reload; ignored once the app is closed."""
        with self._lock:
            if meter in self._open:
                self._failing.add(meter)
                self._write()

    def forget(self, meter: ReloadMeter) -> None:
        """Forget an app, and its failure."""
        with self._lock:
            self._open.discard(meter)
            self._failing.discard(meter)
            self._write()

    def _write_both(self) -> None:
        self._success.set(not self._failing)
        self._time.set(self._succeeded_at)
