"""``turnout run``: a pipeline on picture files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.command_options import SECONDS, config_option
from turnout.files.limits import VALUE
from turnout.files.strict_json import parse_json_or_text
from turnout_vision.brief_text import brief

if TYPE_CHECKING:
    from turnout_vision.runs.picture_files import FoundFiles
    from turnout_vision.runs.picture_run import PictureOutcome, PictureRun

_FILE = click.Path(path_type=Path)


@click.command(
    "run",
    short_help="Run a pipeline on pictures; print the results, save annotated pictures.",
    epilog="\b\nExamples:\n  turnout run describe photo.jpg\n  turnout run describe pictures --out results.jsonl --save drawn",
)
@click.argument("pipeline")
@click.argument("images", nargs=-1, required=True, type=_FILE, metavar="IMAGE...")
@click.option("--regions", type=_FILE, help="JSON file with the boxes. Default: photo.regions.json next to photo.jpg.")
@click.option("--question", help="The question for the answer steps of the pipeline.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Another input of the pipeline: JSON, or text.")
@click.option("--out", type=_FILE, help="Append JSON lines to this file; a later run resumes it. Default: stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines on a terminal too, instead of a table.")
@click.option(
    "--save", type=_FILE, metavar="DIR", help="Save pictures with what was found drawn on them here; maps also as .npy files."
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Pictures at once. Default: one per core, at least two; more if a server merges requests of a model of PIPELINE.",
)
@click.option("--rle", is_flag=True, help="Include whole masks in the lines, as COCO run lengths.")
@click.option("--timeout", "timeout_seconds", type=SECONDS, help="Seconds for one picture.")
@config_option
@click.option("--metrics", is_flag=True, help="Print the metrics to stderr at the end, as Prometheus text.")
@click.pass_context
def run(
    context: click.Context,
    /,
    *,
    images: Sequence[Path],
    out: Path | None,
    as_json: bool,
    config: Path,
    metrics: bool,
    jobs: int | None,
    **given: Any,
) -> None:
    """Run PIPELINE on each IMAGE, which may be a folder.

    A terminal shows a table. A pipe and --out get one JSON line per picture; a picture that fails has a line with "ok": false,
    and the others still run. With --out, pictures that an earlier run answered are skipped; failed ones run again. What is in
    a folder and is no picture is counted on stderr.

    Exit code: 0 all answered, 1 some failed, 2 usage or settings, 3 backend unreachable.
    """
    from turnout_vision.runs.picture_files import find_pictures

    save: Path | None = given["save"]
    if save is not None and os.path.realpath(save) in set(map(os.path.realpath, images)):
        raise click.UsageError(f"--save {str(save)!r} is a folder of input pictures; give another folder")
    found = find_pictures(images, exclude=save)
    if not found.pictures:
        skipped = "".join(f"; {line.partition(': ')[2]}" for line in found.describe_skipped())
        raise click.UsageError(
            f"no pictures in {', '.join(map(str, images))}{skipped}; give files, or a folder that contains pictures"
        )
    tabular = out is None and not as_json and sys.stdout.isatty()
    try:
        run = _build_run(found.pictures, **given)
        code = _run(run, found, out=out, config=config, metrics=metrics, tabular=tabular, jobs=jobs)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note("the results so far are valid, and with --out the same command resumes")
        raise
    context.exit(code)


def _build_run(
    pictures: Sequence[Path],
    *,
    pipeline: str,
    regions: Path | None,
    question: str | None,
    settings: Sequence[str],
    save: Path | None,
    rle: bool,
    timeout_seconds: float | None,
) -> PictureRun:
    from turnout_vision.runs.picture_files import png_names
    from turnout_vision.runs.picture_run import PictureRun

    inputs = _parse_inputs(settings)
    if question is not None:
        inputs["question"] = question
    if regions is not None:
        inputs["regions"] = str(regions)
    saves = {picture: save / name for picture, name in png_names(pictures).items()} if save else {}
    if overwritten := set(map(os.path.realpath, saves.values())) & set(map(os.path.realpath, pictures)):
        raise click.UsageError(f"--save would overwrite the picture {min(overwritten)!r}; give another folder")
    return PictureRun(pipeline, inputs, timeout_seconds, saves, rle)


def _parse_inputs(settings: Sequence[str]) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier() or name == "image":
            raise click.UsageError(
                f"--set {setting!r} must be NAME=VALUE, with the name of a pipeline's input other than image"
            )
        try:
            inputs[name] = parse_json_or_text(text, VALUE)
        except ValueError as error:
            raise click.UsageError(f"--set {brief(setting, 80)} cannot be used: {error}") from None
    return inputs


def _run(
    run: PictureRun,
    found: FoundFiles,
    *,
    out: Path | None,
    config: Path,
    metrics: bool,
    tabular: bool,
    jobs: int | None,
) -> int:
    import turnout
    from turnout.errors import shown
    from turnout_vision.commands.run_output import advise_inputs, count_pictures, deliver, open_output, show_progress
    from turnout_vision.commands.tally import Tally
    from turnout_vision.runs.picture_run import run_pictures

    tally = Tally(unreadable=bool(found.unreadable))
    for line in found.describe_skipped():
        click.echo(shown(line), err=True)
    with ExitStack() as stack:
        # The service of this file may run on this machine, on its port.
        app = stack.enter_context(turnout.open(config, listen=False))
        app.pipeline(run.pipeline)  # raises before any file is written
        stack.enter_context(advise_inputs())
        if metrics:
            stack.callback(lambda: click.echo(app.metrics_text(), err=True))
        # Before the table: callbacks run in the opposite order, and the counts come last.
        stack.enter_context(count_pictures(tally))
        write, remaining = open_output(stack, run, found.pictures, out, tabular=tabular)
        tally.skipped = len(found.pictures) - len(remaining)
        visible = tabular or out is not None or not sys.stdout.isatty()
        advance = stack.enter_context(show_progress(len(remaining), visible=visible))
        run = replace(run, jobs=jobs or app.runs_at_once(run.pipeline))

        def receive(outcome: PictureOutcome) -> None:
            write(outcome.record)
            tally.add(outcome)
            advance()

        deliver(run_pictures(app, run, remaining), receive)
    return tally.exit_code
