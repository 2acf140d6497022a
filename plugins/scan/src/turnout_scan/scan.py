"""Scan a code base: apply the rules, leave out what comments ignore, keep the order of files and lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import suggestion
from turnout_scan.changes.change import Change
from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.load import load_program
from turnout_scan.program.module import Module, Place
from turnout_scan.rules.all_rules import RULES
from turnout_scan.rules.finding import Finding, Rule, Severity
from turnout_scan.sources.ignores import Ignores, find_ignores
from turnout_scan.sources.skipped import Skipped


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with its place, without the code base that it was found in."""

    rule: str
    severity: Severity
    file: Path
    place: Place
    what: str
    why: str
    change: Change


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a scan.

    Attributes:
        files: the number of files that were read.
        found: by file and line.
        skipped: the files and folders that were not read, with their reasons.
        ignored: the number of findings that a comment ignores.
        notes: what is wrong with the comments.
    """

    files: int
    found: tuple[Found, ...]
    skipped: tuple[Skipped, ...]
    ignored: int
    notes: tuple[str, ...]


def scan(paths: Iterable[Path], rules: Sequence[Rule] = RULES) -> ScanResult:
    """Return what ``rules`` find in the files below ``paths``. Nothing of them is imported or run."""
    loaded = load_program(paths)
    base = CodeBase(loaded.program)
    ignores = {module: find_ignores(module.source.text) for module in loaded.program.modules}
    found, ignored = list[Found](), 0
    for rule in rules:
        for finding in rule.find(base):
            if ignores[finding.module].covers(rule.name, _lines(finding)):
                ignored += 1
            else:
                found.append(_placed(rule, finding))
    order = {module.file: place for place, module in enumerate(loaded.program.modules)}
    ranks = {rule.name: place for place, rule in enumerate(RULES)}
    found.sort(key=lambda one: (order[one.file], one.place.cell or 0, one.place.line, one.place.column, ranks[one.rule]))
    notes = tuple(note for module, own in ignores.items() for note in _notes(module, own, {rule.name for rule in RULES}))
    return ScanResult(loaded.files, tuple(found), loaded.skipped, ignored, notes)


def _placed(rule: Rule, finding: Finding) -> Found:
    place = finding.module.place(finding.node)
    return Found(rule.name, rule.severity, finding.module.file, place, finding.what, rule.why, finding.change)


def _lines(finding: Finding) -> Iterator[int]:
    """Yield the lines whose comments concern a finding: its first and last, and the first of its statement."""
    node = finding.node
    yield from (getattr(node, "lineno", 1), getattr(node, "end_lineno", 1), finding.module.statement(node).lineno)


def _notes(module: Module, ignores: Ignores, known: Collection[str]) -> Iterator[str]:
    for line, name in ignores.names():
        if name not in known:
            hint = suggestion(name, sorted(known))
            yield f"{module.file}:{line}: a comment ignores rule {name!r}, which does not exist.{hint}"
