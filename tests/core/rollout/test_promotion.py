"""Promotions: ready, or every reason against it."""

from __future__ import annotations

from collections import Counter

from turnout.rollout.promotion import PromotionRule, judge
from turnout.rollout.shadow import ShadowEvidence

RULE = PromotionRule(comparisons=100, mismatch_ratio=0.01, p95_ratio=1.2)


def _evidence(seconds: float = 0.010, **verdicts: int) -> ShadowEvidence:
    evidence = ShadowEvidence("m", "first", "second", verdicts=Counter(verdicts))
    for _ in range(verdicts.get("match", 0) + verdicts.get("mismatch", 0)):
        evidence.primary_latencies.add(0.010)
        evidence.shadow_latencies.add(seconds)
    return evidence


def test_enough_correct_and_fast_answers_are_ready() -> None:
    promotion = judge(_evidence(match=99, mismatch=1, dropped=500), RULE)

    assert (promotion.ready, str(promotion)) == (True, "ready")


def test_every_reason_is_listed() -> None:
    promotion = judge(_evidence(0.020, match=40, mismatch=3, error=2), RULE)

    assert not promotion.ready
    assert promotion.reasons[:2] == (
        "45 of 100 comparisons are done",
        "3 mismatches and 2 errors in 45 comparisons are a share of 0.111, above 0.01",
    )
    assert promotion.reasons[2] == "the 95th percentile is 20 ms, 2.00 x the 10 ms of 'first', above 1.2 x"


def test_errors_count_as_mismatches() -> None:
    assert judge(_evidence(match=98, error=2), RULE).reasons == (
        "0 mismatches and 2 errors in 100 comparisons are a share of 0.02, above 0.01",
    )


def test_no_evidence_is_not_ready() -> None:
    assert str(judge(None, RULE)) == "not ready: 0 of 100 comparisons are done"
    assert str(judge(_evidence(dropped=7), RULE)) == "not ready: 0 of 100 comparisons are done; 7 were dropped"


def test_a_shadow_that_never_answered_has_no_latency_to_judge() -> None:
    assert judge(_evidence(error=100), RULE).reasons[-1] == "there is no answer yet, so the latency is unknown"
    assert len(judge(_evidence(error=100), PromotionRule(100, 0.01)).reasons) == 1


def test_latency_counts_only_with_a_rule_for_it() -> None:
    slow = _evidence(1.0, match=100)

    assert not judge(slow, RULE).ready
    assert judge(slow, PromotionRule(100, 0.01)).ready
