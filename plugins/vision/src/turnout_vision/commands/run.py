"""``turnout run``: a pipeline on picture files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from turnout_vision.batch import Job, Outcome
    from turnout_vision.records import Record

OK, SOME_FAILED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130

_FILE = click.Path(path_type=Path)


@click.command("run", short_help="Run a pipeline on pictures: JSON lines, annotated pictures.")
@click.argument("pipeline")
@click.argument("images", nargs=-1, required=True, type=_FILE, metavar="IMAGE...")
@click.option("--regions", type=_FILE, help="JSON file with the boxes, instead of photo.regions.json beside photo.jpg.")
@click.option("--question", help="What the pipeline's answer steps ask.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Another input of the pipeline: JSON, or text.")
@click.option("--out", type=_FILE, help="Write JSON lines here; go on where an earlier run stopped. Default: stdout.")
@click.option("--save", type=_FILE, metavar="DIR", help="Write pictures with masks, boxes and texts drawn on them here.")
@click.option("--rle", is_flag=True, help="Put whole masks into the lines, as COCO run lengths.")
@click.option("--timeout", "timeout_seconds", type=click.FloatRange(min=0, min_open=True), help="Seconds for one picture.")
@click.option(
    "--config",
    "-c",
    default=Path("turnout.yaml"),
    envvar="TURNOUT_CONFIG",
    show_default=True,
    type=_FILE,
    help="The settings file.",
)
@click.option("--metrics", is_flag=True, help="Print the metrics to stderr in the end, as Prometheus text.")
@click.pass_context
def run(
    context: click.Context, /, *, images: Sequence[Path], out: Path | None, config: Path, metrics: bool, **given: Any
) -> None:
    """Run PIPELINE on each IMAGE, which may be a folder.

    One JSON line per picture goes to stdout or --out. A bad picture has a line with "ok": false and does not stop the others.
    With --out, pictures that were answered before are passed over; failed ones are tried again.

    Exit: 0 all answered, 1 some failed, 2 usage or settings, 3 backend unreachable.
    """
    from turnout_vision.picture_files import find_pictures

    save: Path | None = given["save"]
    if save is not None and save.resolve() in {image.resolve() for image in images}:
        raise click.UsageError(f"--save {str(save)!r} is a folder that pictures are read from; give another")
    pictures = find_pictures(images, besides=save)
    if not pictures:
        raise click.UsageError(f"no pictures in {', '.join(map(str, images))}; give files, or a folder that holds some")
    with _told(context):
        context.exit(_run(_job(pictures, **given), pictures, out=out, config=config, metrics=metrics))


def _job(
    pictures: Sequence[Path],
    *,
    pipeline: str,
    regions: Path | None,
    question: str | None,
    settings: Sequence[str],
    save: Path | None,
    rle: bool,
    timeout_seconds: float | None,
) -> Job:
    from turnout_vision.batch import Job
    from turnout_vision.picture_files import png_names

    inputs = _inputs(settings)
    if question is not None:
        inputs["question"] = question
    if regions is not None:
        inputs["regions"] = str(regions)
    saves = {picture: save / name for picture, name in png_names(pictures).items()} if save else {}
    if overwritten := {file.resolve() for file in saves.values()} & {picture.resolve() for picture in pictures}:
        raise click.UsageError(f"--save would write over {str(min(overwritten))!r}; give another folder")
    return Job(pipeline, inputs, timeout_seconds, saves, rle)


def _inputs(settings: Sequence[str]) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier() or name == "image":
            raise click.UsageError(
                f"--set {setting!r} must be NAME=VALUE, with the name of a pipeline's input other than image"
            )
        try:
            inputs[name] = json.loads(text)
        except ValueError:
            inputs[name] = text
    return inputs


def _run(job: Job, pictures: Sequence[Path], *, out: Path | None, config: Path, metrics: bool) -> int:
    import turnout
    from turnout_vision.batch import run_batch

    tally = Tally()
    with ExitStack() as stack:
        app = stack.enter_context(turnout.open(config))
        app.pipeline(job.pipeline)  # what is wrong with it is said before any file is written
        if metrics:
            stack.callback(lambda: click.echo(app.metrics_text(), err=True))
        write, left = _sink(stack, job, pictures, out)
        tally.passed_over = len(pictures) - len(left)
        stack.callback(lambda: click.echo(tally, err=True))
        advance = stack.enter_context(_progress(len(left), visible=out is not None or not sys.stdout.isatty()))
        for outcome in run_batch(app, job, left):
            write(outcome.record)
            tally.add(outcome)
            advance()
    return tally.exit_code


def _sink(
    stack: ExitStack, job: Job, pictures: Sequence[Path], out: Path | None
) -> tuple[Callable[[Record], None], Sequence[Path]]:
    """Return what takes a record, and the pictures that are to be answered."""
    from turnout_vision.results import ResultsFile, key_of, line_of

    if out is None:
        return lambda record: click.echo(line_of(record)), pictures
    keys = {picture: key_of(job.begun(picture)) for picture in pictures}
    file = stack.enter_context(ResultsFile(out, again=frozenset(keys.values())))
    return file.write, [picture for picture, key in keys.items() if key not in file.answered]


@dataclass(slots=True)
class Tally:
    """How many pictures ended how."""

    answered: int = 0
    failed: int = 0
    passed_over: int = 0
    unreachable: bool = False
    start: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Count a picture; tell of a bad one."""
        record = outcome.record
        self.unreachable |= outcome.unavailable is not None
        if record["ok"]:
            self.answered += 1
            return
        self.failed += 1
        problems = [record["error"]] if "error" in record else []
        problems += [failure["error"] for failure in record["failures"]]
        for problem in problems:
            click.echo(f"{record['image']}: {problem}", err=True)

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        if self.unreachable:
            return UNREACHABLE
        return SOME_FAILED if self.failed else OK

    def __str__(self) -> str:
        passed_over = f", {self.passed_over} passed over" if self.passed_over else ""
        seconds = time.monotonic() - self.start
        return f"{self.answered} answered, {self.failed} failed{passed_over} in {seconds:.1f} s"


@contextmanager
def _progress(total: int, *, visible: bool) -> Iterator[Callable[[], None]]:
    if not (visible and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Results go to the real stdout, whatever is drawn on stderr.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        task = progress.add_task("pictures", total=total)
        yield lambda: progress.advance(task)


@contextmanager
def _told(context: click.Context) -> Iterator[None]:
    """Turn what else ends the whole batch into a message and an exit code; errors of Turnout's are told by ``turnout``."""
    try:
        yield
    except OSError as error:
        click.echo(f"error: {error}; results cannot be written there\nnext: give another place to --out", err=True)
        context.exit(USAGE)
    except KeyboardInterrupt:
        click.echo("stopped; what was written is valid, and with --out the same command goes on from here", err=True)
        context.exit(INTERRUPTED)
