"""The options of ``turnout bench``: the load, the arms, and the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from turnout.cli.lists_of_numbers import numbers_option
from turnout.cli.named_values import parse_values
from turnout.cli.options import REQUESTS_A_SECOND, json_option
from turnout.command_options import SECONDS

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)


def _parse_share(context: click.Context, parameter: click.Parameter, written: str | None) -> float | None:
    """Return a share above 0 that is written as ``10%`` or ``0.1``."""
    if written is None:
        return None
    text = written.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 10:
        raise click.BadParameter(f"write a share such as 10% or 0.1, got {written!r}", context, parameter)
    return share


_LOAD = (
    numbers_option(
        "--concurrency",
        "--callers",
        destination="callers",
        kind=click.IntRange(1, 1024),
        default="1,8",
        text="The number of concurrent callers, each of whom waits for an answer.",
    ),
    numbers_option(
        "--rate",
        destination="rates",
        kind=REQUESTS_A_SECOND,
        text="Requests a second that arrive at random, whether or not others are answered.",
    ),
    numbers_option(
        "--batch",
        destination="batches",
        kind=click.IntRange(1, 65_536),
        text="The rows of a request. By default the requests are as they are.",
    ),
    numbers_option(
        "--instances",
        destination="instances",
        kind=click.IntRange(1, 256),
        text="The number of instances of a model in this process.",
    ),
    click.option(
        "--batching",
        type=click.Choice(["compare", "written"]),
        default="compare",
        show_default=True,
        help="Measure with requests merged and not merged in this process, or only as turnout.yaml says.",
    ),
    numbers_option(
        "--delay",
        destination="delays",
        kind=click.IntRange(0, 10_000_000),
        text="max_queue_delay_microseconds, where this process merges requests.",
    ),
    click.option(
        "--duration",
        "--seconds",
        "seconds",
        type=SECONDS,
        help="How long each backend receives requests, in each measurement. [default: 5, unless --requests is given]",
    ),
    click.option("--requests", type=click.IntRange(min=1), help="The most requests to each backend, in each measurement."),
    click.option(
        "--set",
        "values",
        multiple=True,
        callback=parse_values,
        metavar="NAME=VALUE",
        help="A further input of a pipeline, as JSON or text.",
    ),
)
_REPORT = (
    click.option("--write", is_flag=True, help="Write the recommended settings into turnout.yaml and the model's repository."),
    click.option("--compare", type=_FILE, help="Compare with an earlier report of --json; exit 1 if something is slower."),
    click.option(
        "--allow",
        callback=_parse_share,
        metavar="SHARE",
        help="How much worse a figure may be than in the earlier report. [default: 10%]",
    ),
    click.option("--plot", type=_FILE, metavar="FILE.svg|FILE.png", help="Draw a chart; needs matplotlib."),
    click.option("--markdown", is_flag=True, help="Print Markdown."),
    json_option,
)


def load_options(command: Command) -> Command:
    """Add the options of the load and the arms."""
    return _add(command, _LOAD)


def report_options(command: Command) -> Command:
    """Add the options of the report."""
    return _add(command, _REPORT)


def _add(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
