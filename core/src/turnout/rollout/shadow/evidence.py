"""Shadow evidence: counts of verdicts, and the latencies of both arms."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from turnout.parity import Verdict
from turnout.rollout.shadow.latency_counts import MAX_BUCKET, LatencyCounts

Number = TypeVar("Number", int, float)

_MAX_COUNT = 2**53
_MAX_TIME = 253_402_300_799  # the end of the year 9999, the last that datetime can print


@dataclass(slots=True)
class ShadowEvidence:
    """The comparisons of one shadow with its primary, added up. Not thread-safe.

    Attributes:
        model: the model.
        primary: the backend that answers the callers.
        shadow: the backend that is compared with it.
        identity: a text that changes when either arm does; evidence of another identity does not count.
        verdicts: the number of mirrored requests by verdict.
        max_abs_error: the greatest difference of all answers; infinite if one has no number.
        worst: the worst mismatch in one line; empty without one.
        primary_latencies: the primary's latencies of the compared requests.
        shadow_latencies: the shadow's latencies of the same requests.
        since: the end of the first mirrored request, in seconds since 1970; 0 without one.
        updated: the end of the last one.
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
        """The number of mirrored requests: each has one verdict."""
        return self.verdicts.total()

    @property
    def comparisons(self) -> int:
        """The number of requests that the shadow got: all mirrored ones that were not dropped."""
        return self.mirrored - self.verdicts[Verdict.DROPPED]

    @property
    def mismatch_ratio(self) -> float | None:
        """The share of comparisons that ended in a mismatch or an error; None without comparisons."""
        # An error counts like a mismatch: after a promotion it would be an error for a user.
        wrong = self.verdicts[Verdict.MISMATCH] + self.verdicts[Verdict.ERROR]
        return wrong / self.comparisons if self.comparisons else None

    @property
    def p95_ratio(self) -> float | None:
        """The 95th percentile of the shadow divided by the primary's; None without answers."""
        primary, shadow = self.primary_latencies.percentile(0.95), self.shadow_latencies.percentile(0.95)
        return shadow / primary if primary and shadow else None

    def has_same_arms(self, other: ShadowEvidence) -> bool:
        """Return whether ``other`` is evidence of the same arms."""
        return (self.model, self.primary, self.shadow, self.identity) == (
            other.model,
            other.primary,
            other.shadow,
            other.identity,
        )

    def merge(self, other: ShadowEvidence) -> None:
        """Add ``other``, evidence of the same arms."""
        self.verdicts.update(other.verdicts)
        self.primary_latencies.merge(other.primary_latencies)
        self.shadow_latencies.merge(other.shadow_latencies)
        if other.worst and (not self.worst or other.max_abs_error > self.max_abs_error):
            self.worst = other.worst
        self.max_abs_error = max(self.max_abs_error, other.max_abs_error)
        self.since = min(filter(None, (self.since, other.since)), default=0.0)
        self.updated = max(self.updated, other.updated)

    def as_json(self) -> dict[str, Any]:
        """Return all fields in JSON types; an infinite error is null."""
        return {
            "model": self.model,
            "primary": self.primary,
            "shadow": self.shadow,
            "identity": self.identity,
            "verdicts": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            # JSON has no infinity.
            "max_abs_error": self.max_abs_error if math.isfinite(self.max_abs_error) else None,
            "worst": self.worst,
            "primary_latencies": _counts_as_json(self.primary_latencies),
            "shadow_latencies": _counts_as_json(self.shadow_latencies),
            "since": self.since,
            "updated": self.updated,
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> ShadowEvidence:
        """Read what ``as_json`` wrote.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: ``values`` was not written by it.
        """
        error = values["max_abs_error"]
        model, primary, shadow, identity = (str(values[key]) for key in ("model", "primary", "shadow", "identity"))
        return cls(
            model,
            primary,
            shadow,
            identity,
            Counter({str(Verdict(name)): _within(count, _MAX_COUNT) for name, count in values["verdicts"].items()}),
            math.inf if error is None else _within(float(error), math.inf),
            str(values["worst"]),
            _latencies_of_json(values["primary_latencies"]),
            _latencies_of_json(values["shadow_latencies"]),
            _within(float(values["since"]), _MAX_TIME),
            _within(float(values["updated"]), _MAX_TIME),
        )


def _counts_as_json(latencies: LatencyCounts) -> dict[str, int]:
    return {str(bucket): count for bucket, count in sorted(latencies.counts.items())}


def _latencies_of_json(counts: Mapping[str, Any]) -> LatencyCounts:
    return LatencyCounts({_bucket(bucket): _within(count, _MAX_COUNT) for bucket, count in counts.items()})


def _bucket(text: str) -> int:
    bucket = int(text)
    if abs(bucket) > MAX_BUCKET:
        raise ValueError(f"no latency has bucket {bucket}")
    return bucket


def _within(value: Number, most: float) -> Number:
    if not 0 <= value <= most:
        raise ValueError(f"{value} is not between 0 and {most}")
    return value
