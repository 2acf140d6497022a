"""Parity: whether two answers to one request are the same, and by how much they differ."""

from __future__ import annotations

from turnout.metrics.labels import Verdict
from turnout.parity.comparison import Parity, compare, failed
from turnout.parity.output import Fault, OutputParity
from turnout.parity.summary import OutputSummary, ParitySummary
from turnout.parity.tolerance import DEFAULTS, Tolerance, Tolerances

__all__ = [
    "DEFAULTS",
    "Fault",
    "OutputParity",
    "OutputSummary",
    "Parity",
    "ParitySummary",
    "Tolerance",
    "Tolerances",
    "Verdict",
    "compare",
    "failed",
]
