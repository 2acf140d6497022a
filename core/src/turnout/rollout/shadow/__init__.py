"""Shadows: requests that another backend gets too, off the caller's path, and the evidence that its answers give."""

from __future__ import annotations

from turnout.rollout.shadow.evidence import ShadowEvidence
from turnout.rollout.shadow.evidence_file import read_shadow_evidence, shadow_evidence_file
from turnout.rollout.shadow.ledger import ShadowLedger
from turnout.rollout.shadow.mirror import Mirror
from turnout.rollout.shadow.policy import ShadowPolicy

__all__ = ["Mirror", "ShadowEvidence", "ShadowLedger", "ShadowPolicy", "read_shadow_evidence", "shadow_evidence_file"]
