"""Parity: the comparison of two answers to one request."""

from __future__ import annotations

from turnout.metrics.labels import Verdict
from turnout.parity.comparison import Parity, compare, parity_of_error
from turnout.parity.faults import Fault
from turnout.parity.output import OutputParity
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
    "parity_of_error",
]
