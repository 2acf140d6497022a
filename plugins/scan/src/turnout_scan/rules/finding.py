"""Rules and their findings."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from turnout_scan.changes.change import Change
from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.module import Module

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One place that a rule is about.

    Attributes:
        module, node: where.
        what: what is there.
        change: what to do.
    """

    module: Module
    node: ast.AST
    what: str
    change: Change


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        name: its name in reports and in ``# turnout: ignore[name]``.
        severity: high: wrong or broken under load; medium: in the way of a move; low: good to know.
        why: why it matters, in one sentence or two.
        find: yields its findings.
    """

    name: str
    severity: Severity
    why: str
    find: Callable[[CodeBase], Iterator[Finding]]
