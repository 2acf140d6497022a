"""The result of a scan as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from turnout.errors import count_of
from turnout_scan.rules.finding import SEVERITIES
from turnout_scan.scan import Found, ScanResult


def lines_of_found(found: Found) -> Iterator[str]:
    """Yield the lines about a finding: where and what, why, and the change."""
    yield f"{located(found)}: {found.severity}: {found.rule}: {found.what}"
    yield f"  why     {found.why}"
    yield f"  change  {found.change.text}"
    yield from (f"          {line}" for line in found.change.python.splitlines())
    if found.change.yaml:
        yield "          turnout.yaml:"
        yield from (f"            {line}" for line in found.change.yaml.splitlines())


def located(found: Found) -> str:
    """Return file, line and column; in a notebook, with the cell."""
    cell = f":cell {found.place.cell}" if found.place.cell is not None else ""
    return f"{found.file}{cell}:{found.place.line}:{found.place.column}"


def summary_of(result: ScanResult) -> str:
    """Return the counts of a scan in one line."""
    counts = Counter(one.severity for one in result.found)
    parts = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
    found = f"{len(result.found)} found ({parts})" if result.found else "nothing found"
    ignored = f", {result.ignored} ignored by comments" if result.ignored else ""
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    return f"{found} in {count_of(result.files, 'file')}{ignored}{skipped}"
