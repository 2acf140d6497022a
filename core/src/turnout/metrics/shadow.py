"""Metrics of shadows."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry, Counter, Histogram

from turnout.metrics.catalogue import moves
from turnout.metrics.labels import Role, Verdict
from turnout.metrics.process_files import guard

ERROR_BUCKETS = tuple(float(f"1e{exponent}") for exponent in range(-8, 5))
"""Powers of ten, the scale in which people write tolerances."""

_BEYOND = 2 * ERROR_BUCKETS[-1]


class ShadowMeter:
    """The bound cells of one shadow."""

    def __init__(self, comparisons: Counter, errors: Histogram, seconds: Histogram, labels: tuple[str, str, str]) -> None:
        model, backend, shadow = labels
        self._verdicts = {verdict: guard(comparisons.labels(*labels, verdict).inc) for verdict in Verdict}
        self._observe_error = guard(errors.labels(*labels).observe)
        self._observe_primary = guard(seconds.labels(model, backend, Role.SERVES).observe)
        self._observe_shadow = guard(seconds.labels(model, shadow, Role.SHADOW).observe)

    def count(self, verdict: Verdict, max_abs_error: float | None = None) -> None:
        """Count one mirrored request, and record its greatest error if two answers were compared."""
        self._verdicts[verdict]()
        if max_abs_error is not None:
            # An infinite error would make the sum of the histogram infinite permanently.
            self._observe_error(min(max_abs_error, _BEYOND))

    def observe(self, primary_seconds: float, shadow_seconds: float) -> None:
        """Record the latencies of both answers to one mirrored request."""
        self._observe_primary(primary_seconds)
        self._observe_shadow(shadow_seconds)


class ShadowMetrics:
    """The families of shadows in a registry. Thread-safe: ``_meters`` is under ``_lock``."""

    def __init__(self, registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
        self._comparisons = moves.SHADOW_COMPARISONS.create(registry)
        self._errors = moves.PARITY_ERROR.create(registry, ERROR_BUCKETS)
        self._seconds = moves.SHADOW_SECONDS.create(registry, buckets)
        self._meters: dict[tuple[str, str, str], ShadowMeter] = {}
        self._lock = threading.Lock()

    def meter(self, model: str, primary: str, shadow: str) -> ShadowMeter:
        """Return the meter of a shadow; the same one for the same shadow."""
        labels = (model, primary, shadow)
        with self._lock:
            if labels not in self._meters:
                self._meters[labels] = ShadowMeter(self._comparisons, self._errors, self._seconds, labels)
            return self._meters[labels]
