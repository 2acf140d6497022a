"""The options of commands that send requests: recorded, given, or generated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from turnout.command_options import SECONDS

Command = TypeVar("Command", bound=Callable[..., Any])


def _parse_shapes(_: click.Context, __: click.Parameter, written: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for text in written:
        name, _equals, sizes = text.rpartition("=")
        parts = [part.strip() for part in sizes.split(",") if part.strip()]
        if not name or not all(part.isascii() and part.isdecimal() for part in parts):
            raise click.BadParameter(f"write NAME=SIZE,SIZE,..., such as pixel_values=3,384,384; got {text!r}")
        shapes[name] = tuple(map(int, parts))
    return shapes


_OPTIONS = (
    click.option("--recording", type=click.Path(path_type=Path, file_okay=False), help="Send the requests recorded in DIR."),
    click.option(
        "--inputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="Send the arrays of FILE.npz."
    ),
    click.option("--generate", type=click.IntRange(min=1), help="Send N requests generated from the model's signature."),
    click.option(
        "--shape", "shapes", multiple=True, callback=_parse_shapes, help="The sizes of a generated input: NAME=3,384,384."
    ),
    click.option(
        "--timeout",
        default=60.0,
        show_default=True,
        type=SECONDS,
        help="The timeout of a request in seconds.",
    ),
)


def request_options(command: Command) -> Command:
    """Add the options to ``command``; their values are those of ``turnout.commands.requests.RequestOptions``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_source(choices: Mapping[str, Any], model: str | None) -> None:
    """Raise click.UsageError if options name several sources of requests, or one that does not fit; None is every model."""
    if sum(bool(choices[name]) for name in ("recording", "inputs", "generate")) > 1:
        raise click.UsageError("give one of --recording, --inputs and --generate")
    if choices["shapes"] and (choices["recording"] or choices["inputs"]):
        raise click.UsageError("--shape gives the sizes of generated requests; remove it, or remove --recording and --inputs")
    if model is None and (choices["inputs"] or choices["shapes"]):
        raise click.UsageError("--inputs and --shape are about one model; name a MODEL")
