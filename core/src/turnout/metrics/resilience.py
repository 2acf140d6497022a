"""What fallback, circuit breaker, retry and load shedding count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

FALLBACK_REASONS = ("circuit_open", "overloaded", "not_reached", "unavailable", "deadline_exceeded", "not_loaded")
"""Every value of the label ``reason`` of ``turnout_fallbacks_total``."""

Count = Callable[[], None]


@dataclass(frozen=True, slots=True)
class CircuitMeter:
    """Takes what becomes of one arm's circuit, and the requests that it refuses."""

    opened: Count
    closed: Count
    refused: Count


@dataclass(frozen=True, slots=True)
class SheddingMeter:
    """Takes the requests that were too many for one arm."""

    refused: Count


@dataclass(frozen=True, slots=True)
class RetryMeter:
    """Takes the requests that were sent to one arm once more."""

    retried: Count


@dataclass(frozen=True, slots=True)
class FallbackMeter:
    """Takes the requests of one model that the other backend was asked for, by reason."""

    fell_back: Mapping[str, Count]


class ResilienceMeters:
    """The families, in ``registry``; hands out meters whose cells are bound. Requests that go well touch none of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fallbacks = Counter(
            "turnout_fallbacks",
            "Requests that the other backend was asked for, by reason.",
            ("model", "from", "to", "reason"),
            registry=registry,
        )
        self._circuit_open = Gauge(
            "turnout_circuit_open",
            "1 while a backend is left alone because it failed.",
            ("model", "backend"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._refused = Counter(
            "turnout_refused_requests",
            "Requests that were refused before the backend was asked, by reason.",
            ("model", "backend", "reason"),
            registry=registry,
        )
        self._retries = Counter(
            "turnout_retries", "Requests that were sent once more.", ("model", "backend"), registry=registry
        )

    def circuit(self, model: str, backend: str) -> CircuitMeter:
        """Return the meter of one arm's circuit, which is closed."""
        gauge = self._circuit_open.labels(model, backend)
        gauge.set(0)
        return CircuitMeter(
            lambda: gauge.set(1), lambda: gauge.set(0), self._refused.labels(model, backend, "circuit_open").inc
        )

    def shedding(self, model: str, backend: str) -> SheddingMeter:
        """Return the meter of one arm's load shedding."""
        return SheddingMeter(self._refused.labels(model, backend, "max_in_flight").inc)

    def retries(self, model: str, backend: str) -> RetryMeter:
        """Return the meter of one arm's retries."""
        return RetryMeter(self._retries.labels(model, backend).inc)

    def fallbacks(self, model: str, first: str, other: str) -> FallbackMeter:
        """Return the meter of ``model``'s fallback from backend ``first`` to ``other``."""
        return FallbackMeter({reason: self._fallbacks.labels(model, first, other, reason).inc for reason in FALLBACK_REASONS})
