"""The end of a command that fails: the message, the next command to type, the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from turnout.errors import TurnoutError

FAILED, WRONG, UNREACHABLE = 1, 2, 3


def exit_code(error: TurnoutError) -> int:
    """Return 2 for wrong settings, broken plugins and models that cannot be opened, 3 for an unreachable backend, else 1."""
    from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError, PluginError

    if isinstance(error, ConfigurationError | PluginError | ModelLoadError):
        return WRONG
    return UNREACHABLE if isinstance(error, BackendUnavailableError) else FAILED


def print_error(error: TurnoutError) -> None:
    """Print ``error`` and the next command to type on stderr."""
    click.echo(f"error: {error}", err=True)
    click.echo(f"next: {_next_command(error)}", err=True)


def _next_command(error: TurnoutError) -> str:
    from turnout.errors import (
        BackendUnavailableError,
        ConfigurationError,
        InvalidInputError,
        ModelLoadError,
        PluginError,
        UnknownNameError,
    )

    if isinstance(error, UnknownNameError):
        return "turnout models"
    if isinstance(error, PluginError):
        return "turnout plugins"
    if isinstance(error, ConfigurationError):
        return "turnout check"
    if isinstance(error, ModelLoadError | BackendUnavailableError):
        return "turnout check --deep"
    return "turnout record --help" if isinstance(error, InvalidInputError) else "turnout models"
