"""``turnout switch``: move a model, or a share of its requests, to another backend or version, or undo that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from turnout.cli.options import backend_argument, examples, json_option, model_argument
from turnout.cli.printing import print_json, print_next, print_text, print_warning
from turnout.command_options import config_option


@click.command("switch", epilog=examples("switch"))
@model_argument
@backend_argument
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Move only this share of the requests, 0 to 1: BACKEND becomes the canary of MODEL.",
)
@click.option(
    "--version",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Choose this version of the model repository, on every backend that has versions.",
)
@click.option("--back", is_flag=True, help="Undo the last switch of MODEL; again for the one before.")
@click.option("--force", is_flag=True, help="Switch to what is not proved, or cannot answer now.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@config_option
@json_option
def command(model: str, backend: str | None, config: Path, *, back: bool, as_json: bool, **choices: Any) -> None:
    """Move MODEL to BACKEND, or to a version: edit the line 'backend:' or 'version:' of the model in place; comments stay.

    BACKEND must be proved by turnout verify to give the same answers, a version by turnout verify --version; a step back needs
    no proof. A switch of all requests to a BACKEND removes the model's canary.
    """
    from turnout.commands.switch.command import SwitchRequest, switch_file

    asked = [back, backend is not None, choices["version"] is not None]
    if asked.count(True) != 1 or (choices["weight"] is not None and backend is None):
        raise click.UsageError("name a BACKEND, with or without --weight, or give --version or --back alone")
    request = SwitchRequest(model, backend, **choices)
    report = switch_file(config, request, warn=print_warning)
    if as_json:
        print_json(report.as_json())
        return
    for line in "\n".join(report.lines()).split("\n"):
        print_text(line)
    print_next("turnout check --deep" if choices["weight"] is None else f"turnout status {model}")
