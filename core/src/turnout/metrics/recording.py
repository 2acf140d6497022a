"""Metrics of recordings."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter

from turnout.metrics.labels import RecordingOutcome


class RecordingFamilies:
    """The counter of requests that were chosen to be recorded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "turnout_recorded_requests",
            "Requests chosen to be recorded, by outcome.",
            ("model", "outcome"),
            registry=registry,
        )

    def counter(self, model: str) -> Callable[[RecordingOutcome], None]:
        """Return a function that counts a request of ``model`` by its outcome."""
        cells = {outcome: self._requests.labels(model, outcome) for outcome in RecordingOutcome}

        def count(outcome: RecordingOutcome) -> None:
            cells[outcome].inc()

        return count
