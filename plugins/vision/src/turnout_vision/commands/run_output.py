"""The output of ``turnout run``: its results, its counts, its progress."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.errors import ConfigurationError, PipelineWiringError
from turnout_vision.commands.results_table import ResultsTable
from turnout_vision.runs.results_file import ResultsFile, format_line, record_key

if TYPE_CHECKING:
    from turnout_vision.commands.tally import Tally
    from turnout_vision.runs.picture_record import PictureRecord
    from turnout_vision.runs.picture_run import PictureOutcome, PictureRun


def deliver(outcomes: Generator[PictureOutcome, None, None], receive: Callable[[PictureOutcome], None]) -> None:
    """Pass on every outcome; after an interruption first those of pictures that are finished."""
    with closing(outcomes):
        try:
            for outcome in outcomes:
                receive(outcome)
        except KeyboardInterrupt as interrupt:
            # Raised in the generator, it has ended it already; raised here, the generator does not know of it.
            with suppress(KeyboardInterrupt):
                receive(outcomes.throw(interrupt))
                for outcome in outcomes:
                    receive(outcome)
            raise


@contextmanager
def count_pictures(tally: Tally) -> Iterator[None]:
    """Print the counts at the end; after an interruption they are a part of its line."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        *errors, counts = str(tally).splitlines()
        for line in errors:
            click.echo(line, err=True)
        interrupt.add_note(counts)
        raise
    except BrokenPipeError:
        raise
    except BaseException:
        click.echo(tally, err=True)
        raise
    click.echo(tally, err=True)


@contextmanager
def advise_inputs() -> Iterator[None]:
    """Name the options of this command in an error about a pipeline's inputs."""
    try:
        yield
    except PipelineWiringError as error:
        error.next_step = error.next_step or "give the inputs that the error names: --question TEXT, or --set NAME=VALUE"
        raise


def open_output(
    stack: ExitStack, run: PictureRun, pictures: Sequence[Path], out: Path | None, *, tabular: bool
) -> tuple[Callable[[PictureRecord], None], Sequence[Path]]:
    """Return the function that writes a record, and the pictures without an answer in ``out``."""
    if tabular:
        table = ResultsTable()
        stack.callback(table.print)
        return table.add, pictures
    if out is None:
        return lambda record: _print_line(format_line(record)), pictures
    keys = {picture: record_key(run.new_record(picture)) for picture in pictures}
    file = stack.enter_context(ResultsFile(out, again=frozenset(keys.values())))
    return file.write, [picture for picture, key in keys.items() if key not in file.answered]


def _print_line(line: str) -> None:
    try:
        click.echo(line)
    except OSError as error:
        # The reader of a pipe, such as head, has enough: click ends the command.
        if error.errno == errno.EPIPE:
            raise
        reason = f"results cannot be written to stdout: {error.strerror or error}"
        raise ConfigurationError(reason, next_step="give a file on another disk to --out") from error


@contextmanager
def show_progress(total: int, *, visible: bool) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr; yield the function that advances it by one picture."""
    if not (visible and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # redirect_stdout would send the results to stderr too.
    with Progress(
        *columns, console=Console(file=getattr(sys.stderr, "trusted", sys.stderr)), redirect_stdout=False
    ) as progress:
        task = progress.add_task("pictures", total=total)
        yield lambda: progress.advance(task)
