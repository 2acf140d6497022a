"""The books of a shadow: every mirrored request is entered once."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Protocol

from turnout.parity import Parity, Verdict
from turnout.rollout.shadow.evidence import ShadowEvidence
from turnout.rollout.shadow.evidence_file import add_shadow_evidence

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
"""How often the evidence is written at most."""


class Meter(Protocol):
    """What counts verdicts for Prometheus."""

    def count(self, verdict: Verdict, max_abs_error: float | None = None) -> None:
        """Take one mirrored request; of an answer that was compared, with its greatest error."""


class ShadowLedger:
    """Takes what becomes of each mirrored request. Thread-safe: ``_news`` is under ``_lock``, the file under ``_file_lock``.

    ``file`` gets what is new once a second at most, in the shadow's thread, and at the end; None keeps nothing.
    """

    def __init__(
        self, model: str, primary: str, shadow: str, *, meter: Meter, file: Path | None = None, identity: str = ""
    ) -> None:
        self.model, self.primary, self.shadow = model, primary, shadow
        self._identity = identity
        self._meter = meter
        self._file = file
        self._written = 0.0
        self._told: set[str] = set()
        self.forget()

    @property
    def unwritten(self) -> bool:
        """Whether something is new since the file was written."""
        return self._file is not None and self._news.mirrored > 0

    def drop(self) -> None:
        """Enter a request that the shadow was not asked, or has not answered in time to be compared."""
        with self._lock:
            self._enter(Verdict.DROPPED)
        self._meter.count(Verdict.DROPPED)

    def enter(self, parity: Parity, primary_seconds: float, shadow_seconds: float) -> None:
        """Enter a request that the shadow was asked."""
        answered = parity.verdict in (Verdict.MATCH, Verdict.MISMATCH)
        with self._lock:
            self._enter(parity.verdict)
            if answered:
                self._news.primary_latencies.add(primary_seconds)
                self._news.shadow_latencies.add(shadow_seconds)
                self._enter_error(parity)
        self._meter.count(parity.verdict, parity.max_abs_error if answered else None)
        if parity.verdict is not Verdict.MATCH:
            self._tell(parity)

    def write(self, *, now: bool = False) -> None:
        """Add what is new to the file, if the last time was long enough ago or ``now``. What cannot be written stays new."""
        if self._file is None or (not now and time.monotonic() - self._written < WRITE_SECONDS):
            return
        with self._file_lock:
            self._written = time.monotonic()
            news = self._take_news()
            try:
                if news.mirrored:
                    add_shadow_evidence(self._file, news)
            except OSError as error:
                with self._lock:
                    self._news.merge(news)
                self._tell_once(
                    "file", "cannot write the evidence of shadow %r of model %r: %s", self.shadow, self.model, error
                )

    def forget(self) -> None:
        """Drop what is not written yet: in a forked child it belongs to the parent, which writes it."""
        self._lock = threading.Lock()
        self._file_lock = threading.Lock()
        self._news = self._nothing()

    def _nothing(self) -> ShadowEvidence:
        return ShadowEvidence(self.model, self.primary, self.shadow, self._identity)

    def _take_news(self) -> ShadowEvidence:
        with self._lock:
            news, self._news = self._news, self._nothing()
        return news

    def _enter(self, verdict: Verdict) -> None:
        news = self._news
        news.verdicts[str(verdict)] += 1
        news.updated = time.time()
        news.since = news.since or news.updated

    def _enter_error(self, parity: Parity) -> None:
        news = self._news
        if parity.verdict is Verdict.MISMATCH and (not news.worst or parity.max_abs_error > news.max_abs_error):
            news.worst = parity.text
        news.max_abs_error = max(news.max_abs_error, parity.max_abs_error)

    def _tell(self, parity: Parity) -> None:
        words = "differs from" if parity.verdict is Verdict.MISMATCH else "cannot answer what is answered by"
        self._tell_once(
            str(parity.verdict), "model %r: shadow %r %s %r: %s", self.model, self.shadow, words, self.primary, parity.text
        )

    def _tell_once(self, topic: str, message: str, *values: object) -> None:
        if topic not in self._told:
            self._told.add(topic)
            logger.warning(message + "; told once", *values)
