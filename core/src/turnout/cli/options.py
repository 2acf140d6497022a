"""Options, arguments and output that several commands share, with shell completion."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from turnout.cli.printing import paint
from turnout.plugins.known import COMMAND_EXAMPLES

DEFAULT_CONFIG = "turnout.yaml"
QUIET = "turnout.quiet"
"""The key of click's ``Context.meta`` that a command, also one of a plugin, sets to True to show no stage."""


class _Seconds(click.FloatRange):
    """A finite number of seconds above 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a finite number of seconds", param, ctx)
        return seconds


SECONDS = _Seconds(min=0, min_open=True)

config_option = click.option(
    "--config",
    "-c",
    default=DEFAULT_CONFIG,
    envvar="TURNOUT_CONFIG",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The settings file.",
)


def _set_quiet(context: click.Context, _: click.Parameter, quiet: bool) -> None:  # noqa: FBT001  # click's signature
    context.meta[QUIET] = quiet


quiet_option = click.option(
    "--quiet", "-q", is_flag=True, expose_value=False, callback=_set_quiet, help="Do not show what the command is doing."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _complete_models(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from turnout.errors import TurnoutError
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    try:
        loaded = load_settings(Path(context.params.get("config") or DEFAULT_CONFIG), registry=find_plugins())
    except TurnoutError:
        return []
    return [CompletionItem(name) for name in loaded.models if name.startswith(incomplete)]


def complete_backends(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the backends whose names start with ``incomplete``; none if the plugins cannot be loaded."""
    from turnout.errors import TurnoutError
    from turnout.plugins.discovery import find_plugins

    try:
        return [CompletionItem(name) for name in find_plugins().known_backends() if name.startswith(incomplete)]
    except TurnoutError:
        return []


model_argument = click.argument("model", shell_complete=_complete_models)
optional_model_argument = click.argument("model", required=False, shell_complete=_complete_models)
backend_argument = click.argument("backend", shell_complete=complete_backends)


def print_json(value: object) -> None:
    """Print ``value`` as JSON on stdout."""
    click.echo(json.dumps(value, indent=2))


def print_table(columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print ``rows`` on stdout as a table of ``columns``; a missing value is a dash."""
    cells = [columns, *[tuple(str(row.get(column) or "-") for column in columns) for row in rows]]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(paint(cell) for cell in [*padded[:-1], padded[-1].rstrip()]))


def examples(command: str) -> str:
    """Return the end of the help of ``command``: command lines, as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in COMMAND_EXAMPLES[command])])
