"""The ledger of a shadow: counts every mirrored request once, and writes the evidence."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Protocol

from turnout.errors import one_line
from turnout.parity import Parity, Verdict
from turnout.rollout.shadow.evidence import ShadowEvidence
from turnout.rollout.shadow.evidence_file import add_shadow_evidence

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
"""The shortest time between two writes of the evidence."""


class VerdictMeter(Protocol):
    """Prometheus counters of verdicts, and histograms of latencies."""

    def count(self, verdict: Verdict, max_abs_error: float | None = None) -> None:
        """Count one mirrored request, and record its greatest error if two answers were compared."""

    def observe(self, primary_seconds: float, shadow_seconds: float) -> None:
        """Record the latencies of both answers to one mirrored request."""


class ShadowLedger:
    """Counts mirrored requests. Thread-safe: ``_pending`` is under ``_lock``, the file under ``_file_lock``.

    A thread of the shadow writes new counts to ``file``, at most once a second, and at the end; None writes nothing.
    """

    def __init__(
        self, model: str, primary: str, shadow: str, *, meter: VerdictMeter, file: Path | None = None, identity: str = ""
    ) -> None:
        self.model, self.primary, self.shadow = model, primary, shadow
        self._identity = identity
        self._meter = meter
        self._file = file
        self._written = 0.0
        self._logged: set[str] = set()
        self.forget()

    @property
    def has_unwritten(self) -> bool:
        """True if there are new counts since the last write."""
        return self._file is not None and self._pending.mirrored > 0

    def drop(self) -> None:
        """Count a request that the shadow did not get, or did not answer before it was closed."""
        with self._lock:
            self._add(Verdict.DROPPED)
        self._meter.count(Verdict.DROPPED)

    def record(self, parity: Parity, primary_seconds: float, shadow_seconds: float) -> None:
        """Record the comparison of one request."""
        answered = parity.verdict in (Verdict.MATCH, Verdict.MISMATCH)
        with self._lock:
            self._add(parity.verdict)
            if answered:
                self._pending.primary_latencies.add(primary_seconds)
                self._pending.shadow_latencies.add(shadow_seconds)
                self._add_error(parity)
        if answered:
            self._meter.observe(primary_seconds, shadow_seconds)
        self._meter.count(parity.verdict, parity.max_abs_error if answered else None)
        if parity.verdict is not Verdict.MATCH:
            self._log(parity)

    def write(self, *, now: bool = False) -> None:
        """Add new counts to the file if the last write is a second ago, or ``now``. Counts stay new if the write fails."""
        if self._file is None or (not now and time.monotonic() - self._written < WRITE_SECONDS):
            return
        with self._file_lock:
            # Before the write: a disk that refuses is tried once a second too.
            self._written = time.monotonic()
            pending = self._take_pending()
            try:
                if pending.mirrored:
                    add_shadow_evidence(self._file, pending)
            except Exception as error:  # noqa: BLE001  # a foreign file must not end the thread
                with self._lock:
                    self._pending.merge(pending)
                self.log_once(
                    "file",
                    "model %r: the evidence of shadow %r cannot be written: %s",
                    self.model,
                    self.shadow,
                    one_line(error),
                )

    def forget(self) -> None:
        """Drop counts that are not written yet. In a forked child they belong to the parent, which writes them."""
        # Two locks, because callers count drops while a thread waits for the disk.
        self._lock = threading.Lock()
        self._file_lock = threading.Lock()
        self._pending = self._empty()

    def _empty(self) -> ShadowEvidence:
        return ShadowEvidence(self.model, self.primary, self.shadow, self._identity)

    def _take_pending(self) -> ShadowEvidence:
        with self._lock:
            pending, self._pending = self._pending, self._empty()
        return pending

    def _add(self, verdict: Verdict) -> None:
        pending = self._pending
        pending.verdicts[str(verdict)] += 1
        # Wall-clock time: other processes and later runs read it.
        pending.updated = time.time()
        pending.since = pending.since or pending.updated

    def _add_error(self, parity: Parity) -> None:
        pending = self._pending
        if parity.verdict is Verdict.MISMATCH and (not pending.worst or parity.max_abs_error > pending.max_abs_error):
            pending.worst = parity.text
        pending.max_abs_error = max(pending.max_abs_error, parity.max_abs_error)

    def _log(self, parity: Parity) -> None:
        words = "differs from" if parity.verdict is Verdict.MISMATCH else "failed on a request that was answered by"
        self.log_once(
            str(parity.verdict), "model %r: shadow %r %s %r: %s", self.model, self.shadow, words, self.primary, parity.text
        )

    def log_once(self, topic: str, message: str, *values: object) -> None:
        """Log the first message of a topic: the rest is in the metrics, and a shadow may fail thousands of times a minute."""
        if topic not in self._logged:
            self._logged.add(topic)
            logger.warning(message + "; logged once", *values)
