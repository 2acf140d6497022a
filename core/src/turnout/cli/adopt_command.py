"""``turnout adopt``: take the models of a source into turnout.yaml, exported, proved and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.invocation import current_invocation
from turnout.cli.named_values import parse_values
from turnout.cli.options import complete_formats, examples, json_option, quiet_option
from turnout.cli.printing import print_json, print_line, print_lines, print_next, print_table, print_text, print_warning
from turnout.command_options import FiniteNumber, config_option

if TYPE_CHECKING:
    from turnout.commands.adopt.report import AdoptReport


def _texts(context: click.Context, parameter: click.Parameter, written: tuple[str, ...]) -> dict[str, str]:
    """Return the texts of ``NAME=TEXT`` by name."""
    pairs = [text.partition("=") for text in written]
    if wrong := next((text for text, (name, equals, _) in zip(written, pairs, strict=True) if not name or not equals), None):
        raise click.BadParameter(f"write NAME=FP32[3,224,224], got {wrong!r}")
    return {name: value for name, _, value in pairs}


_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option("--name", help="The name of the model in turnout.yaml; by default one that the source suggests."),
    click.option("--task", help="The task, such as image-classification; by default the one that the source names."),
    click.option(
        "--format", "format", shell_complete=complete_formats, help="The export format; by default the preferred one."
    ),
    click.option(
        "--option",
        "options",
        multiple=True,
        callback=parse_values,
        metavar="NAME=VALUE",
        help="An option of the source's backend.",
    ),
    click.option(
        "--set",
        "step_options",
        multiple=True,
        callback=parse_values,
        metavar="NAME=VALUE",
        help="An option of the pipeline's step for the model, as JSON or text.",
    ),
    click.option(
        "--input", "inputs", multiple=True, callback=_texts, metavar="NAME=FP32[3,224,224]", help="An input of the model."
    ),
    click.option(
        "--max-batch-size",
        type=click.IntRange(min=0),
        help="The largest batch; by default 8, or 1 where rows depend on each other.",
    ),
    click.option(
        "--file",
        "files",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A picture, or another file that the pipeline takes, to prove the model with.",
    ),
    click.option(
        "--seconds",
        type=FiniteNumber("seconds", 0),
        default=1.0,
        show_default=True,
        help="The measurement on each backend; 0: none.",
    ),
    click.option("--again", is_flag=True, help="Repeat what an earlier run has done."),
    click.option("--dry-run", is_flag=True, help="Show what would be done; open and write nothing."),
)


def _adopt_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("adopt", epilog=examples("adopt"))
@click.argument("source")
@_adopt_options
@quiet_option
@config_option
@json_option
def command(source: str, config: Path, *, as_json: bool, **choices: Any) -> None:
    """Take the model of SOURCE into turnout.yaml: find its class and task, write it, export it, prove it, measure it.

    SOURCE is a checkpoint folder, its name on the hub, a model file, package.module:function, or a model repository. What is
    done already is kept. Nothing is published before it is proved; what cannot be exported stays on the backend that opens it.
    """
    from turnout.commands.adopt.command import adopt_source
    from turnout.commands.adopt.request import AdoptRequest

    _check_place(config)
    request = AdoptRequest(source, config, **choices, command=current_invocation().without("--dry-run"))
    try:
        report = adopt_source(request, warn=print_warning)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note("the stages that are done are kept, and the same command continues after them")
        raise
    if as_json:
        print_json(report.as_json())
        return
    _print(report)


def _check_place(config: Path) -> None:
    """Raise UsageError if turnout.yaml cannot be written there, before the source is read."""
    if config.is_dir():
        raise click.UsageError(f"{str(config)!r} is a folder; name a file in it: --config {config / 'turnout.yaml'}")
    if not config.absolute().parent.is_dir():
        raise click.UsageError(f"the folder {str(config.parent)!r} of {str(config)!r} does not exist; create it first")


def _print(report: AdoptReport) -> None:
    rows: list[Mapping[str, str]] = [row for model in report.models for row in model.rows()]
    columns = ("", "stage", "model", "result") if len(report.models) > 1 else ("", "stage", "result")
    print_table(columns, rows)
    if report.dry_run:
        print_text("dry run: nothing was written")
        print_lines(report.text)
    for remark in report.remarks[:20]:
        print_line("note", remark)
    print_next(report.next_step)
