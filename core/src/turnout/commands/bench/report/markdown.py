"""A report as Markdown, for a page or a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.commands.bench.report.table import Table, cost_table, speed_table
from turnout.commands.bench.result import BenchResult


def markdown_lines(result: BenchResult) -> Iterator[str]:
    """Yield the lines of a section: the tables, the verdicts, the recommendation and the failures."""
    yield f"## {_text(result.name)}"
    yield ""
    yield _text(result.title())
    for table in (speed_table(result.results), cost_table(result.results)):
        yield ""
        yield from _table_lines(table)
    lines = [*result.conclusions(), *(f"FAIL {failure}" for failure in result.failures())]
    if lines:
        yield ""
    for line in lines:
        yield f"- {_text(line)}"
    yield ""


def _table_lines(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    yield f"|{'|'.join(' --- ' for _ in table.columns)}|"
    for row in table.rows:
        yield f"| {' | '.join(_text(row.get(name) or '-') for name in table.columns)} |"


def _text(text: str) -> str:
    """Return ``text`` without what Markdown would read: it may be a stranger's."""
    return "".join(f"\\{character}" if character in "\\|`*_<>[]#" else character for character in text)
