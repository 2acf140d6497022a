"""``turnout triton reload``: let the servers of a model load it again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


@click.command(
    "reload",
    short_help="Let the servers of a model load it again.",
    epilog="\b\nExamples:\n  turnout triton reload birefnet\n  turnout triton reload birefnet --json",
)
@click.argument("model")
@click.option("--config", "-c", default=Path("turnout.yaml"), show_default=True, type=_FILE, help="The settings file.")
@click.option(
    "--timeout", default=300.0, show_default=True, type=click.FloatRange(min=1), help="Limit in seconds for each server."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def reload(context: click.Context, model: str, config: Path, timeout: float, *, as_json: bool) -> None:
    """Let every server of MODEL load it again from its model repository: new versions, a changed config.pbtxt.

    One server after the other, as turnout.yaml lists them, so that the others answer meanwhile. A server that cannot load the
    model keeps serving what it has, and the ones after it are not asked. A server must allow it, as that of turnout triton
    serve does.

    Exit: 0 loaded, 2 usage, settings or the server's refusal, 3 a server cannot be reached.
    """
    from turnout_triton.model_control import reload_model

    declaration, options = context.meta["turnout.model_options"](config, model, "triton")
    loaded = []
    for server in reload_model(declaration, options, timeout):
        loaded.append(server)
        if not as_json:
            click.echo(f"server {server.url}: model {server.model!r} serves version {', '.join(server.versions) or 'unknown'}")
    if as_json:
        click.echo(json.dumps({"model": model, "servers": [asdict(server) for server in loaded]}, indent=2))
