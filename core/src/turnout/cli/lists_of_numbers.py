"""Options that take several numbers: repeated, or with commas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def numbers_option(
    *names: str, destination: str, kind: click.ParamType[Any], default: str = "", text: str
) -> Callable[[Command], Command]:
    """Return an option with these ``names`` whose value is a tuple of numbers: ``1,8``, or given twice."""

    def parse(context: click.Context, parameter: click.Parameter, written: tuple[str, ...]) -> tuple[Any, ...]:
        parts = [part.strip() for text in written for part in text.split(",")]
        return tuple(kind.convert(part, parameter, context) for part in parts)

    shown = f" [default: {default}]" if default else ""
    return click.option(
        *names,
        destination,
        multiple=True,
        callback=parse,
        metavar="N,N,...",
        help=f"{text} Several are measured in turn.{shown}",
    )
