"""Shadowing: asking another arm what the serving one was asked, off the caller's path, and keeping books of it."""

from __future__ import annotations

from turnout.rollout.shadow.evidence import ShadowEvidence
from turnout.rollout.shadow.evidence_file import read_shadow_evidence
from turnout.rollout.shadow.ledger import ShadowLedger
from turnout.rollout.shadow.mirror import Mirror
from turnout.rollout.shadow.policy import ShadowPolicy

__all__ = ["Mirror", "ShadowEvidence", "ShadowLedger", "ShadowPolicy", "read_shadow_evidence"]
