"""What a comparison ends with."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a comparison ends with: a closed set, fit for the label of a metric."""

    MATCH = "match"
    """Every output is within its tolerance."""
    MISMATCH = "mismatch"
    """An output differs, is missing or is one too many."""
    ERROR = "error"
    """There was no answer to compare."""
    DROPPED = "dropped"
    """Nothing was compared, for want of time or room."""
