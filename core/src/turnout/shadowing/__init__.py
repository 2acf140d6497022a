"""Shadowing: asking another arm what the serving one was asked, off the caller's path, and keeping books of it."""

from __future__ import annotations

from turnout.shadowing.evidence import ShadowEvidence
from turnout.shadowing.evidence_file import read_shadow_evidence
from turnout.shadowing.ledger import ShadowLedger
from turnout.shadowing.mirror import Mirror
from turnout.shadowing.policy import ShadowPolicy

__all__ = ["Mirror", "ShadowEvidence", "ShadowLedger", "ShadowPolicy", "read_shadow_evidence"]
