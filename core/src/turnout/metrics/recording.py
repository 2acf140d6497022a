"""Counting recorded requests."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter

RECORDING_OUTCOMES = ("recorded", "dropped", "full", "failed")
"""Every value of the label ``outcome``."""


class RecordingFamilies:
    """What becomes of requests that a recorder has chosen."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "turnout_recorded_requests",
            "Requests chosen to be recorded, by what became of them.",
            ("model", "outcome"),
            registry=registry,
        )

    def counter(self, model: str) -> Callable[[str], None]:
        """Return a function that counts a request of ``model`` by its outcome."""
        cells = {outcome: self._requests.labels(model, outcome) for outcome in RECORDING_OUTCOMES}

        def count(outcome: str) -> None:
            cells[outcome].inc()

        return count
