"""Colors, suggestions and errors on the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

from turnout.cli.invocation import Invocation, current_invocation

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


def print_line(word: str, text: str, *, err: bool = True) -> None:
    """Print ``word: text``, with the word in its style."""
    click.echo(f"{paint(f'{word}:', word)} {text}", err=err, color=color_choice())


def print_warning(text: str) -> None:
    """Print a warning on stderr."""
    print_line("warning", text)


def print_next(step: str) -> None:
    """Print ``step``, what the user does next, on stderr; a command gets the ``--config`` of this command line."""
    print_step(current_invocation().suggest(step))


def print_step(step: str) -> None:
    """Print what the user does next, as it is, on stderr."""
    click.echo(click.style(f"next: {step}", bold=True), err=True, color=color_choice())


def print_failure(invocation: Invocation, kind: str, message: str, step: str, code: int) -> None:
    """Print an error: for people on stderr and, if the command line asks for JSON, as an object on stdout."""
    print_line("error", message)
    if step:
        print_step(step)
    if invocation.as_json:
        print_json_error(kind, message, step, code)


def print_json_error(kind: str, message: str, step: str, code: int) -> None:
    """Print an error as a JSON object on stdout."""
    import json

    click.echo(json.dumps({"error": {"type": kind, "message": message, "next": step, "exit_code": code}}, indent=2))
