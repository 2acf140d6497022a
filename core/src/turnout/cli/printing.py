"""Colors, suggestions, tables and errors on the terminal. Every text that is printed here may be a stranger's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from turnout.cli.invocation import Invocation, current_invocation
from turnout.hidden_values import hide
from turnout.shown_text import LONGEST_STEP, escaped_lines, json_text, shown

_LONGEST_CELL, _LONGEST_LAST_CELL = 200, 1_000

_STYLES: Mapping[str, Mapping[str, object]] = {
    "ok": {"fg": "green"},
    "match": {"fg": "green"},
    "note": {"fg": "yellow"},
    "warning": {"fg": "yellow"},
    "FAIL": {"fg": "red"},
    "BROKEN": {"fg": "red"},
    "error": {"fg": "red"},
    "mismatch": {"fg": "red"},
    "failed": {"fg": "red"},
    "next": {"bold": True},
}


def color_choice(environment: Mapping[str, str] | None = None) -> bool | None:
    """Return whether output is colored: True always, False never, None where it goes to a terminal."""
    variables = os.environ if environment is None else environment
    if variables.get("NO_COLOR") or variables.get("FORCE_COLOR") == "0":
        return False
    if variables.get("FORCE_COLOR") or variables.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return False if variables.get("CLICOLOR") == "0" or variables.get("TERM") == "dumb" else None


def paint(text: str, word: str | None = None) -> str:
    """Return ``text`` in the style of ``word``, by default of the text itself; unchanged if the word has no style.

    click removes the style where output is not colored.
    """
    style = _STYLES.get(text.strip() if word is None else word)
    return click.style(text, **style) if style else text  # type: ignore[arg-type]  # the values of _STYLES are click's


def print_text(text: str, *, err: bool = False) -> None:
    """Print ``text`` in one line."""
    click.echo(shown(text), err=err)


def print_lines(text: str) -> None:
    """Print ``text`` with its own lines, the last of which has its end."""
    click.echo(escaped_lines(text), nl=False)


def print_line(word: str, text: str, *, err: bool = True) -> None:
    """Print ``word: text`` in one line, with the word in its style."""
    click.echo(f"{paint(f'{word}:', word)} {shown(text)}", err=err, color=color_choice())


def print_finding(text: str, *, err: bool = False) -> None:
    """Print what failed, after the word FAIL."""
    click.echo(f"{paint('FAIL')} {shown(text)}", err=err)


def print_verdict(verdict: str) -> None:
    """Print a verdict in its style."""
    click.echo(f"verdict: {paint(shown(verdict))}")


def print_table(columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print ``rows`` on stdout as a table of ``columns``; a missing value is a dash."""
    limits = (*(_LONGEST_CELL for _ in columns[1:]), _LONGEST_LAST_CELL)
    shown_rows = [
        tuple(shown(str(row.get(column) or "-"), limit) for column, limit in zip(columns, limits, strict=True)) for row in rows
    ]
    cells = [columns, *shown_rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(_paint_cell(cell) for cell in [*padded[:-1], padded[-1].rstrip()]))


def print_json(value: object) -> None:
    """Print ``value`` as JSON on stdout: exact, but for hidden values."""
    click.echo(json_text(_hide_all(value), indent=2))


def print_warning(text: str) -> None:
    """Print a warning on stderr."""
    print_line("warning", text)


def print_next(step: str) -> None:
    """Print ``step``, what the user does next, on stderr; a command gets the ``--config`` of this command line."""
    print_step(current_invocation().suggest(step))


def print_step(step: str) -> None:
    """Print what the user does next, as it is, on stderr."""
    click.echo(click.style(f"next: {shown(step, LONGEST_STEP)}", bold=True), err=True, color=color_choice())


def print_failure(invocation: Invocation, kind: str, message: str, step: str, code: int) -> None:
    """Print an error: for people on stderr and, if the command line asks for JSON, as an object on stdout."""
    # The text of turnout.yaml's problems has lines, each of them in one piece already.
    click.echo(f"{paint('error:', 'error')} {escaped_lines(hide(message))}", err=True, color=color_choice())
    if step:
        print_step(step)
    if invocation.as_json:
        print_json_error(kind, message, step, code)


def print_json_error(kind: str, message: str, step: str, code: int) -> None:
    """Print an error as a JSON object on stdout."""
    print_json({"error": {"type": kind, "message": message, "next": step, "exit_code": code}})


def _paint_cell(cell: str) -> str:
    word, colon, rest = cell.partition(": ")
    return f"{paint(word)}{colon}{rest}" if colon else paint(cell)


def _hide_all(value: Any) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {_hide_all(key): _hide_all(inner) for key, inner in value.items()}
    return [_hide_all(inner) for inner in value] if isinstance(value, list | tuple) else value
