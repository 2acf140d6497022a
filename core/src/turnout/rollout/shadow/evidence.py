"""What a shadow has shown so far: counts of verdicts, and how long both arms took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.parity import Verdict
from turnout.rollout.shadow.latency_counts import LatencyCounts


@dataclass(slots=True)
class ShadowEvidence:
    """What a shadow has shown. Not thread-safe.

    Attributes:
        model: the model.
        primary: the backend whose answers count.
        shadow: the backend that is compared with it.
        identity: a text that changes when either arm does; evidence of another identity does not count.
        verdicts: how many mirrored requests ended with each verdict.
        max_abs_error: the greatest difference of any answer; infinite where a tensor had no number to give.
        worst: what was wrong with the worst answer, in one line; empty if nothing was.
        primary_latencies: how long the primary took for the requests that were compared.
        shadow_latencies: how long the shadow took for them.
        since: when the first one ended, as seconds since 1970; 0 if none has.
        updated: when the last one ended.
    """

    model: str
    primary: str
    shadow: str
    identity: str = ""
    verdicts: Counter[str] = field(default_factory=Counter)
    max_abs_error: float = 0.0
    worst: str = ""
    primary_latencies: LatencyCounts = field(default_factory=LatencyCounts)
    shadow_latencies: LatencyCounts = field(default_factory=LatencyCounts)
    since: float = 0.0
    updated: float = 0.0

    @property
    def mirrored(self) -> int:
        """How many requests were mirrored: each has one verdict."""
        return self.verdicts.total()

    @property
    def comparisons(self) -> int:
        """How many requests the shadow was asked: all that were mirrored and not dropped."""
        return self.mirrored - self.verdicts[Verdict.DROPPED]

    @property
    def mismatch_ratio(self) -> float | None:
        """The share of comparisons with a wrong answer or none; None without comparisons."""
        wrong = self.verdicts[Verdict.MISMATCH] + self.verdicts[Verdict.ERROR]
        return wrong / self.comparisons if self.comparisons else None

    @property
    def p95_ratio(self) -> float | None:
        """The shadow's 95th percentile over the primary's; None without answers."""
        primary, shadow = self.primary_latencies.percentile(0.95), self.shadow_latencies.percentile(0.95)
        return shadow / primary if primary and shadow else None

    def same_arms(self, other: ShadowEvidence) -> bool:
        """Tell whether both speak of the same arms."""
        return (self.model, self.primary, self.shadow, self.identity) == (
            other.model,
            other.primary,
            other.shadow,
            other.identity,
        )

    def merge(self, other: ShadowEvidence) -> None:
        """Add what ``other`` has shown of the same arms."""
        self.verdicts.update(other.verdicts)
        self.primary_latencies.merge(other.primary_latencies)
        self.shadow_latencies.merge(other.shadow_latencies)
        if other.worst and (not self.worst or other.max_abs_error > self.max_abs_error):
            self.worst = other.worst
        self.max_abs_error = max(self.max_abs_error, other.max_abs_error)
        self.since = min(filter(None, (self.since, other.since)), default=0.0)
        self.updated = max(self.updated, other.updated)

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON; an infinite error is null."""
        return {
            "model": self.model,
            "primary": self.primary,
            "shadow": self.shadow,
            "identity": self.identity,
            "verdicts": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            "max_abs_error": self.max_abs_error if math.isfinite(self.max_abs_error) else None,
            "worst": self.worst,
            "primary_latencies": _counts(self.primary_latencies),
            "shadow_latencies": _counts(self.shadow_latencies),
            "since": self.since,
            "updated": self.updated,
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> ShadowEvidence:
        """Return what ``as_json`` wrote.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: ``values`` was not written by it.
        """
        error = values["max_abs_error"]
        return cls(
            str(values["model"]),
            str(values["primary"]),
            str(values["shadow"]),
            str(values["identity"]),
            Counter({str(Verdict(name)): int(count) for name, count in values["verdicts"].items()}),
            math.inf if error is None else float(error),
            str(values["worst"]),
            _latencies(values["primary_latencies"]),
            _latencies(values["shadow_latencies"]),
            float(values["since"]),
            float(values["updated"]),
        )


def _counts(latencies: LatencyCounts) -> dict[str, int]:
    return {str(bucket): count for bucket, count in sorted(latencies.counts.items())}


def _latencies(counts: Mapping[str, Any]) -> LatencyCounts:
    return LatencyCounts({int(bucket): int(count) for bucket, count in counts.items()})
