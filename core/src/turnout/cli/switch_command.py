"""``turnout switch``: the one line."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import backend_argument, config_option, model_argument


@click.command("switch")
@model_argument
@backend_argument
@config_option
def command(model: str, backend: str, config: Path) -> None:
    """Move MODEL to BACKEND: edits the line 'backend:' of that model, every comment kept."""
    from turnout.plugins import find_plugins
    from turnout.settings import switch_backend

    change = switch_backend(config, model, backend, registry=find_plugins())
    click.echo(change)
    click.echo("next: turnout check --deep", err=True)
