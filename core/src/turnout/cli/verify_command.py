"""``turnout verify``: compare the answers of a model on two backends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.exits import FAILED, WHAT_FAILED
from turnout.cli.failures import Failures
from turnout.cli.invocation import current_invocation
from turnout.cli.options import against_option, examples, json_option, optional_model_argument, quiet_option
from turnout.cli.printing import (
    print_finding,
    print_json,
    print_line,
    print_next,
    print_table,
    print_text,
    print_verdict,
    print_warning,
)
from turnout.cli.request_options import check_source, request_options
from turnout.command_options import config_option
from turnout.error_text import count_of

RECORDED = "recorded"

if TYPE_CHECKING:
    from turnout.commands.verify.batching import BatchParity
    from turnout.commands.verify.command import VerifyOptions, VerifyReport


@click.command("verify", epilog=examples("verify"))
@optional_model_argument
@against_option("Compare with this backend; by default with all others that can be used here.")
@request_options
@click.option(
    "--batch", type=click.IntRange(min=0), help="Rows of the largest batch; max_batch_size by default, 0: no batches."
)
@click.option("--ignore-answers", is_flag=True, help="Do not compare with the recorded answers.")
@click.option("--save", type=click.Path(path_type=Path, file_okay=False), help="The folder for the worst request of each arm.")
@click.option(
    "--version",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Compare this version of the model repository, before it serves.",
)
@click.option("--publish", is_flag=True, help="Write a match beside the model's versions too, so that it travels with them.")
@quiet_option
@config_option
@json_option
def command(model: str | None, config: Path, *, as_json: bool, **choices: Any) -> None:
    """Send the same requests to MODEL, or to every model, on its current backend and on others, and compare the answers.

    The requests are recorded, given, or generated. Without --against, backends that cannot be used here are left out, by name.
    Exit 1 if answers differ or nothing was compared, 3 if a backend of --against cannot be reached.
    """
    from turnout.commands.verify.command import VerifyOptions

    check_source(choices, model)
    if choices["version"] is not None and model is None:
        raise click.UsageError("--version needs a MODEL")
    options = VerifyOptions(**choices)
    if model is None:
        _verify_all(config, options, as_json=as_json)
        return
    verified = _verify(config, model, options, as_json=as_json)
    if as_json:
        print_json(verified.as_json())
    if verified.result.verdict != "match":
        print_next(_next_step(verified))
        raise SystemExit(FAILED)


def _verify(config: Path, model: str, options: VerifyOptions, *, as_json: bool) -> VerifyReport:
    from turnout.commands.verify.command import verify_file

    verified = verify_file(config, model, options, warn=print_warning)
    if not as_json:
        _print(verified)
    for left in verified.left_out:
        text = f"{left.backend!r} of model {model!r} was left out: {left.reason}"
        print_line("note", f"{text}; next: {current_invocation().suggest(left.step)}" if left.step else text)
    return verified


def _verify_all(config: Path, options: VerifyOptions, *, as_json: bool) -> None:
    """Verify each model; one that fails does not stop the others."""
    from turnout.commands.models_of_file import models_of_file

    failures = Failures()

    def verify(model: str) -> dict[str, Any]:
        verified = _verify(config, model, options, as_json=as_json)
        if verified.result.verdict != "match":
            failures.add(FAILED, _next_step(verified))
        return verified.as_json()

    reports = [{"verdict": "error"} | failures.catch(model, verify) for model in models_of_file(config)]
    if as_json:
        print_json({"models": reports} | failures.as_json())
    failures.end()


def _next_step(verified: VerifyReport) -> str:
    result = verified.result
    command = f"turnout verify {result.model}"
    others = [arm for arm in result.arms if arm.backend != RECORDED]
    worst = next((arm.backend for arm in others if arm.worst), None)
    if worst and verified.saved:
        return f"{command} --against {worst} --inputs {os.path.relpath(verified.saved[0])}"
    if not result.arms:
        return next((left.step for left in verified.left_out if left.step), "turnout record --help")
    if any(batching.text for batching in result.batching):
        return f"lower max_batch_size of model {result.model!r}"
    if others and any(arm.worst for arm in result.arms):
        return f"{command} --ignore-answers"
    return WHAT_FAILED


def _print(verified: VerifyReport) -> None:
    result = verified.result
    print_text(f"{result.model} on {result.reference}, {count_of(result.requests, 'request')}: {verified.source}")
    rows = [
        {"backend": arm.backend, "output": name, "equal": f"{output.compared - output.mismatches}/{output.compared}"}
        | {column: _format_figure(value) for column, value in _columns(output).items()}
        for arm in result.arms
        for name, output in arm.summary.outputs.items()
    ]
    if rows:
        print_table(("backend", "output", "equal", "max abs", "max rel", "mean abs", "cosine", "IoU", "argmax"), rows)
    for arm in result.batching:
        print_text(f"batching on {arm.backend}: {arm.verdict} ({_describe_sizes(arm)})")
    for finding in result.findings():
        print_finding(str(finding))
    for file in verified.saved:
        print_text(f"saved {os.path.relpath(file)}", err=True)
    print_verdict(str(result.verdict))


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
