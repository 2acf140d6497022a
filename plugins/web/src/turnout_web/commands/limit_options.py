"""The options of ``turnout serve`` that limit requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from turnout.command_options import SECONDS
from turnout_web.commands.variable_option import VariableOption
from turnout_web.settings import ServeSettings

Command = TypeVar("Command", bound=Callable[..., Any])

_DEFAULTS = ServeSettings()


_COUNTS = {
    "max_body_bytes": "The greatest body of a request.",
    "max_json_depth": "The greatest nesting of JSON.",
    "max_json_values": "The greatest number of values in JSON.",
    "max_pixels": "The greatest picture.",
    "max_concurrent_requests": "Requests that a process answers at once; more get 503.",
}
_TIMES = {
    "timeout_seconds": ("--timeout", "Seconds of a run of a pipeline that names no time."),
    "header_timeout_seconds": ("--header-timeout", "Seconds for the head of a request."),
    "body_timeout_seconds": ("--body-timeout", "Seconds that a client may pause in a body."),
    "keep_alive_seconds": ("--keep-alive", "Seconds that an idle connection stays open."),
    "drain_seconds": ("--drain", "Seconds that running requests get at the end."),
}


def limit_options(command: Command) -> Command:
    """Add an option for each limit; its variable is TURNOUT_SERVE_ and the name."""
    for name, text in reversed(_COUNTS.items()):
        option = f"--{name.replace('_', '-')}"
        command = _option(option, name, click.IntRange(min=1), text)(command)
    for name, (option, text) in reversed(_TIMES.items()):
        command = _option(option, name, SECONDS, text)(command)
    return command


def _option(option: str, name: str, kind: click.ParamType[Any], text: str) -> Callable[[Command], Command]:
    variable = f"TURNOUT_SERVE_{option.removeprefix('--').replace('-', '_').upper()}"
    default = getattr(_DEFAULTS, name)
    return click.option(
        option, name, cls=VariableOption, type=kind, default=default, show_default=True, envvar=variable, help=text
    )
