"""Whether a shadow has shown enough to be promoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from turnout.parity import Verdict
from turnout.rollout.shadow import ShadowEvidence


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """What a shadow has to show.

    Attributes:
        comparisons: how many requests it was asked at least.
        mismatch_ratio: the largest share of them that was answered wrongly or not at all.
        p95_ratio: how large its 95th percentile may be, in those of the primary; None asks for nothing.
    """

    comparisons: int = 1000
    mismatch_ratio: float = 0.001
    p95_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether a shadow may be promoted, and every reason why not."""

    reasons: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    def __str__(self) -> str:
        return "ready" if self.ready else f"not ready: {'; '.join(self.reasons)}"


def judge(evidence: ShadowEvidence | None, rule: PromotionRule) -> Promotion:
    """Return whether ``evidence`` is what ``rule`` asks for; without any, it is not."""
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
        yield (
            f"{wrong} wrong answers and {missing} errors in {evidence.comparisons} comparisons are a share of {ratio:.3g}, "
            f"above {rule.mismatch_ratio:g}"
        )
    yield from _slow(evidence, rule)


def _slow(evidence: ShadowEvidence, rule: PromotionRule) -> Iterator[str]:
    ratio = evidence.p95_ratio
    if rule.p95_ratio is None or (ratio is not None and ratio <= rule.p95_ratio):
        return
    if ratio is None:
        yield "it has answered nothing, so its latency is not known"
        return
    shadow, primary = evidence.shadow_latencies.percentile(0.95), evidence.primary_latencies.percentile(0.95)
    yield (
        f"its 95th percentile is {_milliseconds(shadow)}, {ratio:.2f} x the {_milliseconds(primary)} of {evidence.primary!r}, "
        f"above {rule.p95_ratio:g} x"
    )


def _milliseconds(seconds: float | None) -> str:
    return f"{1000 * (seconds or 0.0):.3g} ms"
