"""``turnout switch``: move a model, or a share of its requests, to another backend, or undo that."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import backend_argument, config_option, examples, json_option, model_argument
from turnout.cli.printing import print_json, print_next, print_text, print_warning


@click.command("switch", epilog=examples("switch"))
@model_argument
@backend_argument
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Move only this share of the requests, 0 to 1: BACKEND becomes the canary of MODEL.",
)
@click.option("--back", is_flag=True, help="Undo the last switch of MODEL; again for the one before.")
@click.option("--force", is_flag=True, help="Switch to a backend that is not proved, or that cannot answer now.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@config_option
@json_option
def command(
    model: str,
    backend: str | None,
    *,
    weight: float | None,
    back: bool,
    force: bool,
    dry_run: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Move MODEL to BACKEND: edit the line 'backend:' of the model in place; comments stay.

    BACKEND must be proved by turnout verify to give the same answers; a step back needs no proof. A switch of all requests
    removes the model's canary.
    """
    from turnout.commands.switch.command import SwitchRequest, switch_file

    if back == (backend is not None) or (back and weight is not None):
        raise click.UsageError("name a BACKEND, with or without --weight, or give --back alone")
    report = switch_file(config, SwitchRequest(model, backend, weight, force=force, dry_run=dry_run), warn=print_warning)
    if as_json:
        print_json(report.as_json())
        return
    for line in "\n".join(report.lines()).split("\n"):
        print_text(line)
    print_next("turnout check --deep" if weight is None else f"turnout status {model}")
