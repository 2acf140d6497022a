"""Trees of Python files in which each line with a planted bug has a mark: ``#! rule-name``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from turnout_scan.rules.all_rules import RULES
from turnout_scan.scan import ScanResult, scan

Marks = set[tuple[str, int]]
_MARK = re.compile(r"#! (?P<rules>[\w, -]+)$", re.MULTILINE)


def write_tree(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), "utf-8")


def marks_of(files: Mapping[str, str], rule: str) -> Marks:
    """Return the marked lines of a rule."""
    return {
        (name, number)
        for name, text in files.items()
        for number, line in enumerate(textwrap.dedent(text).splitlines(), 1)
        if (mark := _MARK.search(line)) and rule in mark["rules"].split(", ")
    }


def scan_with(folder: Path, rule: str) -> ScanResult:
    return scan([folder], [one for one in RULES if one.name == rule])


def lines_found(folder: Path, rule: str) -> Marks:
    """Return the lines that a rule finds."""
    return {(one.file.relative_to(folder).as_posix(), one.place.line) for one in scan_with(folder, rule).found}


def check_marks(folder: Path, files: Mapping[str, str] | str, rule: str) -> None:
    """Assert that ``rule`` finds the marked lines, of which there are some, and no other."""
    tree = {"app.py": files} if isinstance(files, str) else files
    write_tree(folder, tree)
    assert marks_of(tree, rule), "the case has no mark"
    assert lines_found(folder, rule) == marks_of(tree, rule)


def check_silent(folder: Path, files: Mapping[str, str] | str, rule: str) -> None:
    """Assert that ``rule`` finds nothing in code that was read."""
    write_tree(folder, {"app.py": files} if isinstance(files, str) else files)
    result = scan_with(folder, rule)
    assert (list(result.found), list(result.skipped)) == ([], [])
    assert result.files
