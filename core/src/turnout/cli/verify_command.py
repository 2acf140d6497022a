"""``turnout verify``: compare the answers of a model on two backends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.exits import FAILED
from turnout.cli.options import (
    complete_backends,
    config_option,
    examples,
    json_option,
    model_argument,
    print_json,
    print_table,
    quiet_option,
)
from turnout.cli.printing import paint, print_line, print_next
from turnout.cli.request_options import check_one_source, request_options

if TYPE_CHECKING:
    from turnout.commands.verify.batching import BatchParity
    from turnout.commands.verify.command import VerifyReport


@click.command("verify", epilog=examples("verify"))
@model_argument
@click.option(
    "--against",
    multiple=True,
    metavar="BACKEND",
    shell_complete=complete_backends,
    help="Compare with this backend; by default with all others.",
)
@request_options
@click.option(
    "--batch", type=click.IntRange(min=0), help="Rows of the largest batch; max_batch_size by default, 0: no batches."
)
@click.option("--ignore-answers", is_flag=True, help="Do not compare with the recorded answers.")
@click.option("--save", type=click.Path(path_type=Path, file_okay=False), help="The folder for the worst request of each arm.")
@quiet_option
@config_option
@json_option
def command(model: str, config: Path, *, as_json: bool, **choices: Any) -> None:
    """Send the same requests to MODEL on its current backend and on others, and compare the answers.

    The requests are recorded, given, or generated. Exit 1 if answers differ, 3 if a backend cannot be reached.
    """
    from turnout.commands.verify.command import VerifyOptions, verify_file

    check_one_source(choices)
    verified = verify_file(config, model, VerifyOptions(**choices), warn=_warn)
    if as_json:
        print_json(verified.as_json())
    else:
        _print(verified)
    if verified.result.verdict != "match":
        print_next(_next_command(verified))
        raise SystemExit(FAILED)


def _next_command(verified: VerifyReport) -> str:
    command = f"turnout verify {verified.result.model}"
    worst = next((arm.backend for arm in verified.result.arms if arm.worst and arm.backend != "recorded"), None)
    if worst and verified.saved:
        return f"{command} --against {worst} --inputs {os.path.relpath(verified.saved[0])}"
    return f"{command} --json"


def _warn(text: str) -> None:
    print_line("warning", text)


def _print(verified: VerifyReport) -> None:
    result = verified.result
    click.echo(f"{result.model} on {result.reference}, {result.requests} requests: {verified.source}")
    rows = [
        {"backend": arm.backend, "output": name, "equal": f"{output.compared - output.mismatches}/{output.compared}"}
        | {column: _format_figure(value) for column, value in _columns(output).items()}
        for arm in result.arms
        for name, output in arm.summary.outputs.items()
    ]
    if rows:
        print_table(("backend", "output", "equal", "max abs", "max rel", "mean abs", "cosine", "IoU", "argmax"), rows)
    for arm in result.batching:
        click.echo(f"batching on {arm.backend}: {arm.verdict} ({_describe_sizes(arm)})")
    for finding in result.findings():
        click.echo(f"{paint('FAIL')} {finding}")
    for file in verified.saved:
        click.echo(f"saved {os.path.relpath(file)}", err=True)
    click.echo(f"verdict: {paint(str(result.verdict))}")


def _describe_sizes(arm: BatchParity) -> str:
    sizes = f"{', '.join(map(str, arm.sizes))} rows alone and together"
    untried = arm.rows < arm.largest and not arm.changed
    return f"{sizes}; {arm.largest} would take too long: give a longer --timeout" if untried else sizes


def _columns(output: Any) -> dict[str, float | None]:
    return {
        "max abs": output.max_abs_error,
        "max rel": output.max_rel_error,
        "mean abs": output.mean_abs_error,
        "cosine": output.cosine,
        "IoU": output.iou,
        "argmax": output.argmax_agreement,
    }


def _format_figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
