"""The outcome of a load, and the target that it is sent to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Target(Protocol):
    """A model or a pipeline that answers numbered requests. Called from many threads at once."""

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        """Send request ``number``, which begins again after the last one; return the seconds of the answer's parts.

        Raises:
            TurnoutError: the request failed, or a part of it.
        """

    def name(self, number: int) -> str:
        """Return the name of request ``number`` for messages; empty if it has none."""


def add_seconds(sums: dict[str, float], parts: Mapping[str, float]) -> None:
    """Add the seconds of ``parts`` to those of ``sums``."""
    for part, seconds in parts.items():
        sums[part] = sums.get(part, 0.0) + seconds


@dataclass(slots=True)
class LoadOutcome:
    """The outcome of the requests of one caller, or of all callers. For one thread.

    Attributes:
        latencies: the latency of each answered request, in seconds.
        errors: the number of failed requests, by the name of the error.
        said: the message of the first failure of each name.
        parts: the seconds that the answered requests spent in each part, where the target reports them.
        reported: the number of answers with such parts.
        lateness: how late each request was sent, in seconds, because of the load generator and not of the target.
    """

    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    reported: int = 0
    lateness: list[float] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """The number of requests, answered or failed."""
        return len(self.latencies) + self.errors.total()

    def add(self, other: LoadOutcome) -> None:
        """Add the outcome of other requests."""
        self.latencies.extend(other.latencies)
        self.errors.update(other.errors)
        self.said.update(other.said | self.said)
        add_seconds(self.parts, other.parts)
        self.reported += other.reported
        self.lateness.extend(other.lateness)

    def answered(self, seconds: float, parts: Mapping[str, float]) -> None:
        """Record an answered request."""
        self.latencies.append(seconds)
        if parts:
            self.reported += 1
            add_seconds(self.parts, parts)

    def failed(self, error: BaseException, name: str) -> None:
        """Record the failure of the request ``name``."""
        kind = type(error).__name__
        self.errors[kind] += 1
        self.said.setdefault(kind, f"{name!r}: {error}" if name else str(error))
