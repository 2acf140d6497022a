"""The promotion of a shadow: the rule, and the reasons against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from turnout.error_text import count_of
from turnout.parity import Verdict
from turnout.rollout.shadow import ShadowEvidence


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """The evidence that a promotion needs.

    Attributes:
        comparisons: the least number of comparisons.
        mismatch_ratio: the largest share of comparisons that ended in a mismatch or an error.
        p95_ratio: the largest 95th percentile, as a multiple of the primary's; None ignores latency.
    """

    comparisons: int = 1000
    mismatch_ratio: float = 0.001
    p95_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """Every reason against a promotion."""

    reasons: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """True without a reason against it."""
        return not self.reasons

    def __str__(self) -> str:
        return "ready" if self.ready else f"not ready: {'; '.join(self.reasons)}"


def judge(evidence: ShadowEvidence | None, rule: PromotionRule) -> Promotion:
    """Return the reasons why ``evidence`` does not satisfy ``rule``. Missing evidence never does."""
    if evidence is None or not evidence.comparisons:
        dropped = f"; {evidence.mirrored} were dropped" if evidence and evidence.mirrored else ""
        return Promotion((f"0 of {rule.comparisons} comparisons are done{dropped}",))
    return Promotion(tuple(_reasons(evidence, rule)))


def _reasons(evidence: ShadowEvidence, rule: PromotionRule) -> Iterator[str]:
    if evidence.comparisons < rule.comparisons:
        yield f"{evidence.comparisons} of {rule.comparisons} comparisons are done"
    ratio = evidence.mismatch_ratio or 0.0
    if ratio > rule.mismatch_ratio:
        wrong, missing = evidence.verdicts[Verdict.MISMATCH], evidence.verdicts[Verdict.ERROR]
        found = f"{count_of(wrong, 'mismatch', 'mismatches')} and {count_of(missing, 'error')}"
        yield (f"{found} in {evidence.comparisons} comparisons are a share of {ratio:.3g}, above {rule.mismatch_ratio:g}")
    yield from _latency_reasons(evidence, rule)


def _latency_reasons(evidence: ShadowEvidence, rule: PromotionRule) -> Iterator[str]:
    ratio = evidence.p95_ratio
    if rule.p95_ratio is None or (ratio is not None and ratio <= rule.p95_ratio):
        return
    # A shadow that fails every request has no latency; that must not pass as a fast one.
    if ratio is None:
        yield "there is no answer yet, so the latency is unknown"
        return
    shadow, primary = evidence.shadow_latencies.percentile(0.95), evidence.primary_latencies.percentile(0.95)
    yield (
        f"the 95th percentile is {_milliseconds(shadow)}, {ratio:.2f} x the {_milliseconds(primary)} of {evidence.primary!r}, "
        f"above {rule.p95_ratio:g} x"
    )


def _milliseconds(seconds: float | None) -> str:
    return f"{1000 * (seconds or 0.0):.3g} ms"
