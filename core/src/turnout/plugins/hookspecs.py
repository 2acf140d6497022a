"""The five hooks of a plugin.

A plugin is a module named by an entry point of the group ``turnout``. Each hook is called once, when an app or a command
starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from turnout.plugins.declarations import Backend, Exporter, Step
    from turnout.plugins.repositories import Repository

PROJECT = "turnout"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def turnout_backends() -> Iterable[Backend[Any]]:
    """Yield the backends that this plugin brings."""
    return ()


@hookspec
def turnout_steps() -> Iterable[Step[Any]]:
    """Yield the pipeline steps that this plugin brings."""
    return ()


@hookspec
def turnout_exporters() -> Iterable[Exporter]:
    """Yield the exporters that this plugin brings."""
    return ()


@hookspec
def turnout_repositories() -> Iterable[Repository]:
    """Yield the kinds of model repositories whose configuration this plugin keeps."""
    return ()


@hookspec
def turnout_commands() -> Iterable[click.Command]:
    """Yield the commands that this plugin adds to ``turnout``."""
    return ()
