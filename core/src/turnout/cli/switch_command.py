"""``turnout switch``: move a model, or a share of its requests, to another backend."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import backend_argument, config_option, model_argument


@click.command("switch")
@model_argument
@backend_argument
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Move only this share of the requests, 0 to 1: BACKEND becomes the canary of MODEL.",
)
@config_option
def command(model: str, backend: str, weight: float | None, config: Path) -> None:
    """Move MODEL to BACKEND: edit the line 'backend:' of the model in place; comments stay."""
    from turnout.plugins.discovery import find_plugins

    if weight is not None:
        from turnout.settings.edit.weight import switch_weight

        click.echo(switch_weight(config, model, backend, weight, registry=find_plugins()))
        click.echo("next: turnout status", err=True)
        return
    from turnout.settings import switch_backend

    click.echo(switch_backend(config, model, backend, registry=find_plugins()))
    click.echo("next: turnout check --deep", err=True)
