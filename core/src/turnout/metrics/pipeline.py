"""Metrics of one pipeline's runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnout.metrics.calls import Durations
from turnout.metrics.families import Families
from turnout.metrics.labels import PipelineOutcome, StepFailureReason
from turnout.metrics.process_files import guard


class PipelineMeter:
    """The bound cells of one pipeline's runs, one for each step and part. Thread-safe."""

    def __init__(self, families: Families, pipeline: str, parts: Mapping[str, Sequence[str]]) -> None:
        self._runs = {outcome: guard(families.pipeline_runs.labels(pipeline, outcome).inc) for outcome in PipelineOutcome}
        self._run = Durations(families.pipeline_seconds.labels(pipeline))
        self._parts = {
            (step, part): Durations(families.step_seconds.labels(pipeline, step, part))
            for step, names in parts.items()
            for part in names
        }
        self._failures = {
            (step, reason): guard(families.step_failures.labels(pipeline, step, reason).inc)
            for step in parts
            for reason in StepFailureReason
        }

    def count_run(self, outcome: PipelineOutcome) -> None:
        """Count a run by its outcome."""
        self._runs[outcome]()

    def count_failure(self, step: str, reason: StepFailureReason) -> None:
        """Count one failure of a step by its reason."""
        self._failures[step, reason]()

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        """Record the duration of an answered run, and of the parts of its steps."""
        self._run.add(seconds)
        for step, parts in timings.items():
            for part, part_seconds in parts.items():
                self._parts[step, part].add(part_seconds)

    def fold(self) -> None:
        """Write pending runs to their Prometheus cells."""
        for durations in (self._run, *self._parts.values()):
            durations.fold()
