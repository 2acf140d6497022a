"""The result of a run: the figures of one model or pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from turnout.commands.bench.figures import LoadFigures


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
        interrupt: the interruption that ended the run; None if it ran to its end.
    """

    kind: str
    name: str
    reference: str
    source: str
    requests: int
    results: tuple[LoadFigures, ...]
    interrupt: BaseException | None = field(default=None, compare=False)

    def failures(self) -> list[str]:
        """Return a sentence for each kind of failed request."""
        return [
            f"{count} of {one.requests} requests to {one.backend!r} failed, {load_text(one)}, {name}: {one.said[name]}"
            for one in self.results
            for name, count in one.failed.items()
        ]

    def as_json(self) -> Mapping[str, Any]:
        """Return everything in types of JSON."""
        content = asdict(self)
        content["interrupted"] = content.pop("interrupt") is not None
        return content


def load_text(one: LoadFigures) -> str:
    """Return the load of ``one`` in words."""
    return f"callers: {one.callers}" if one.rate is None else f"requests/s: {one.rate:g}"
