"""Metrics of recordings."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from turnout.metrics.catalogue import moves
from turnout.metrics.labels import RecordingOutcome
from turnout.metrics.process_files import guard


class RecordingFamilies:
    """The counter of requests that were chosen to be recorded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = moves.RECORDED_REQUESTS.create(registry)

    def counter(self, model: str) -> Callable[[RecordingOutcome], None]:
        """Return a function that counts a request of ``model`` by its outcome."""
        cells = {outcome: guard(self._requests.labels(model, outcome).inc) for outcome in RecordingOutcome}

        def count(outcome: RecordingOutcome) -> None:
            cells[outcome]()

        return count
