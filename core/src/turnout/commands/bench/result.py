"""The result of a run: the figures of one model or pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.recommendation import Recommendation
from turnout.commands.bench.verdict import BatchingVerdict, load_text
from turnout.error_text import count_of


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The measurements of a model or a pipeline.

    Attributes:
        kind: ``model`` or ``pipeline``.
        name: its name.
        reference: the backend that serves it; ratios are over its figures.
        source: the source of the requests.
        requests: the number of different requests.
        results: the figures of each arm under each load, the reference first.
        verdicts: whether batching helps, for each arm that shows it.
        recommendation: the settings to write; None for a pipeline, or where nothing was compared.
        interrupt: the interruption that ended the run; None if it ran to its end.
    """

    kind: str
    name: str
    reference: str
    source: str
    requests: int
    results: tuple[LoadFigures, ...]
    verdicts: tuple[BatchingVerdict, ...] = ()
    recommendation: Recommendation | None = None
    interrupt: BaseException | None = field(default=None, compare=False)

    def title(self) -> str:
        """Return what was measured, and with which requests, in one line."""
        requests = count_of(self.requests, "different request" if self.kind == "model" else "different input")
        return f"{self.name} on {self.reference}, {requests}: {self.source}"

    def failures(self) -> list[str]:
        """Return a sentence for each kind of failed request."""
        return [
            f"{count} of {one.requests} requests to {one.backend!r} failed {load_text(one)}, {name}: {one.said[name]}"
            for one in self.results
            for name, count in one.failed.items()
        ]

    def conclusions(self) -> list[str]:
        """Return the verdicts and the recommendation, a line each."""
        lines = [f"verdict on {one.where}: {one.text}" for one in self.verdicts]
        return [*lines, *([f"recommended: {self.recommendation.text}"] if self.recommendation is not None else [])]
