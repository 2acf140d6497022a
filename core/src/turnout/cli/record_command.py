"""``turnout record``: record the requests and answers of a model, for later replay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from turnout.cli.exits import FAILED
from turnout.cli.named_values import parse_values
from turnout.cli.options import complete_pipelines, examples, json_option, model_argument, quiet_option
from turnout.cli.printing import print_json, print_line, print_next, print_text
from turnout.command_options import config_option
from turnout.error_text import count_of


@click.command("record", epilog=examples("record"))
@model_argument
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE...")
@click.option(
    "--pipeline",
    shell_complete=complete_pipelines,
    help="The pipeline to run on each FILE; by default the only one of turnout.yaml.",
)
@click.option(
    "--set",
    "inputs",
    multiple=True,
    callback=parse_values,
    metavar="NAME=VALUE",
    help="A further input of the pipeline, as JSON or text.",
)
@click.option(
    "--requests",
    default=100,
    show_default=True,
    type=click.IntRange(min=1, max=100_000),
    help="The largest number of records in the folder.",
)
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), help="Records go into DIRECTORY/MODEL.")
@quiet_option
@config_option
@json_option
def command(model: str, config: Path, *, as_json: bool, **choices: Any) -> None:
    """Record the requests and answers of MODEL while a pipeline runs on each FILE; an .npz file is itself a request.

    A FILE may be a folder.

    Records contain user data: protect them as such. Exit 1 if a file failed, 3 if the backend cannot be reached.
    """
    from turnout.commands.record import RecordOptions, record_file

    result = record_file(config, model, RecordOptions(**choices))
    folder = os.path.relpath(result.folder)
    if as_json:
        counts = {"recorded": result.recorded, "held": result.held}
        print_json({"model": model, "folder": folder, **counts, "failures": list(result.failures)})
    else:
        print_text(f"recorded {count_of(result.recorded, 'request')} of {model} in {folder}, which holds {result.held}")
    for failure in result.failures:
        print_line("failed", failure)
    if result.recorded:
        print_next(f"turnout verify {model}")
    elif result.failures:
        print_next("give other files")
    if result.failures:
        raise SystemExit(FAILED)
