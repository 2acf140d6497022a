"""Metrics of fallback, circuit breaker, retry and load shedding."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from turnout.forking import Forks
from turnout.metrics.catalogue import moves
from turnout.metrics.labels import FallbackReason, RefusalReason
from turnout.metrics.process_files import guard

Count = Callable[[], None]


@dataclass(frozen=True, slots=True)
class CircuitMeter:
    """Counters of one arm's circuit: its state, the requests that it refused, and those that it sent itself."""

    opened: Count
    closed: Count
    refused: Count
    probed: Count


@dataclass(frozen=True, slots=True)
class SheddingMeter:
    """The counter of requests that exceeded one arm's ``max_in_flight``."""

    refused: Count


@dataclass(frozen=True, slots=True)
class RetryMeter:
    """The counter of requests that were sent to one arm a second time."""

    retried: Count


@dataclass(frozen=True, slots=True)
class FallbackMeter:
    """Counters of one model's requests that went to the other backend, by reason."""

    fell_back: Mapping[FallbackReason, Count]


class ResilienceMeters:
    """The families, in ``registry``; returns meters with bound cells. A successful request touches none of them.

    Thread-safe: ``_open_circuits`` and ``_circuit_cells`` are under ``_lock``.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fallbacks = moves.FALLBACKS.create(registry)
        self._circuit_open = moves.CIRCUIT_OPEN.create(registry)
        self._refused = moves.REFUSED_REQUESTS.create(registry)
        self._retries = moves.RETRIES.create(registry)
        self._probes = moves.CIRCUIT_PROBES.create(registry)
        self._late = moves.LATE_EXECUTIONS.create(registry)
        self._open_circuits: dict[tuple[str, str], set[object]] = defaultdict(set)
        self._circuit_cells: dict[tuple[str, str], Gauge] = {}
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with closed circuits, as a forked child does."""
        self._lock = threading.Lock()
        self._open_circuits.clear()

    def fold(self) -> None:
        """Set the gauge of every circuit: in a forked child it has the value of the parent's until then."""
        with self._lock:
            for arm, cell in self._circuit_cells.items():
                cell.set(bool(self._open_circuits[arm]))

    def circuit(self, model: str, backend: str) -> CircuitMeter:
        """Return the meter of one arm's circuit, which starts closed. Call ``closed`` when the circuit is removed."""
        circuit, cell = object(), self._circuit_open.labels(model, backend)
        with self._lock:
            self._circuit_cells[model, backend] = cell

        # A reload gives an arm a second circuit while the first still has calls: neither may hide that the other is open.
        def set_open(*, is_open: bool) -> None:
            with self._lock:
                circuits = self._open_circuits[model, backend]
                (circuits.add if is_open else circuits.discard)(circuit)
                cell.set(bool(circuits))

        guard(set_open)(is_open=False)
        refused = self._refused.labels(model, backend, RefusalReason.CIRCUIT_OPEN)
        return CircuitMeter(
            guard(partial(set_open, is_open=True)),
            guard(partial(set_open, is_open=False)),
            guard(refused.inc),
            guard(self._probes.labels(model, backend).inc),
        )

    def shedding(self, model: str, backend: str) -> SheddingMeter:
        """Return the meter of one arm's load shedding."""
        return SheddingMeter(guard(self._refused.labels(model, backend, RefusalReason.MAX_IN_FLIGHT).inc))

    def full_queue(self, model: str, backend: str) -> Callable[[], None]:
        """Return a function that counts a request refused by the full queue of one arm's batcher."""
        return guard(self._refused.labels(model, backend, RefusalReason.QUEUE_FULL).inc)

    def invalid_tensors(self, model: str, backend: str) -> Count:
        """Return a function that counts a request refused by the check of its tensors."""
        return guard(self._refused.labels(model, backend, RefusalReason.INVALID_TENSORS).inc)

    def retries(self, model: str, backend: str) -> RetryMeter:
        """Return the meter of one arm's retries."""
        return RetryMeter(guard(self._retries.labels(model, backend).inc))

    def late(self, model: str, backend: str) -> Count:
        """Return the counter of one arm's executions whose callers have left."""
        return guard(self._late.labels(model, backend).inc)

    def fallbacks(self, model: str, first: str, other: str) -> FallbackMeter:
        """Return the meter of ``model``'s fallback from backend ``first`` to ``other``."""
        return FallbackMeter(
            {reason: guard(self._fallbacks.labels(model, first, other, reason).inc) for reason in FallbackReason}
        )
