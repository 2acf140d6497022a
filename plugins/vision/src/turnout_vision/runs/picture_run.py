"""A run of a pipeline over picture files, several at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from turnout import PipelineResult
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    ConfigurationError,
    ModelLoadError,
    PipelineError,
    PipelineFailedError,
    PluginError,
    TurnoutError,
    one_line,
)
from turnout_vision.drawing.annotation import annotate_result, save_png
from turnout_vision.runs.map_files import save_maps
from turnout_vision.runs.ordered_threads import OrderedThreads
from turnout_vision.runs.picture_memory import MEMORY, estimate_bytes
from turnout_vision.runs.picture_record import PictureRecord, key_of, picture_record

logger = logging.getLogger(__name__)

# Every picture would fail with these.
_FATAL = (ConfigurationError, PipelineError, PluginError, ModelLoadError, ClosedError)

MAX_UNAVAILABLE_IN_A_ROW = 5


class RunsPipelines(Protocol):
    """The part of an open app that a run uses."""

    def run(self, pipeline: str, /, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        """Run a pipeline."""


@dataclass(frozen=True, slots=True)
class PictureRun:
    """The settings of a run over pictures.

    Attributes:
        pipeline: the pipeline's name.
        inputs: the pipeline's inputs other than ``image``.
        timeout_seconds: the time limit of one picture; None is no limit.
        saves: for each picture, the file of its annotated copy; a picture without an entry is not drawn.
        rle: include whole masks in the records.
        jobs: the number of pictures at once.
    """

    pipeline: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float | None = None
    saves: Mapping[Path, Path] = field(default_factory=dict)
    rle: bool = False
    jobs: int = 1

    def new_record(self, picture: Path) -> PictureRecord:
        """Return a record of ``picture`` without results."""
        inputs = {"inputs": dict(self.inputs)} if self.inputs else {}
        return {"image": str(picture), "pipeline": self.pipeline, **inputs}


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """The record of one picture, and the error if a backend was unavailable for the picture or a part of it."""

    record: PictureRecord
    unavailable: BackendUnavailableError | None = None


def run_pictures(app: RunsPipelines, run: PictureRun, pictures: Sequence[Path]) -> Generator[PictureOutcome, None, None]:
    """Yield the outcome of each picture, in their order.

    The record of a picture that failed has ``ok`` false; ``error`` if a step, or the whole run, was not answered. With several
    jobs, threads work on the next pictures meanwhile, within ``picture_memory.MEMORY``. Where the run ends early, by one of
    these errors or by a KeyboardInterrupt raised or thrown into it, the outcomes of later pictures that are there come first.

    Raises:
        BackendUnavailableError: the backend was unavailable for several pictures in a row.
        TurnoutError: the settings, a plugin or a model make every picture fail.
    """
    jobs = min(run.jobs, len(pictures))
    if jobs <= 1:
        yield from _end_if_unavailable(map(partial(_time_picture, app, run), pictures))
        return
    threads = OrderedThreads(partial(_run_within_memory, app, run), pictures, jobs, "turnout-run")
    try:
        yield from _end_if_unavailable(threads.results())
    except Exception:
        yield from threads.stop(wait=True)
        raise
    except KeyboardInterrupt:
        # Without waiting: what the threads still ask of models ends when the app closes.
        yield from threads.stop(wait=False)
        raise
    finally:
        threads.stop(wait=False)


def _end_if_unavailable(outcomes: Iterable[PictureOutcome]) -> Generator[PictureOutcome, None, None]:
    """Yield ``outcomes``; raise BackendUnavailableError when the backend was unavailable for several in a row."""
    in_a_row = 0
    for outcome in outcomes:
        yield outcome
        in_a_row = in_a_row + 1 if outcome.unavailable else 0
        if in_a_row == MAX_UNAVAILABLE_IN_A_ROW:
            raise BackendUnavailableError(
                f"backend unavailable for {in_a_row} pictures in a row: {outcome.unavailable}"
            ) from outcome.unavailable


def _run_within_memory(app: RunsPipelines, run: PictureRun, picture: Path) -> PictureOutcome:
    # Before the clock of the picture starts: it waits for others.
    with MEMORY.hold(estimate_bytes(picture, run.inputs.get("regions"))):
        return _time_picture(app, run, picture)


def _time_picture(app: RunsPipelines, run: PictureRun, picture: Path) -> PictureOutcome:
    start = time.perf_counter()
    outcome = _run_picture(app, run, picture)
    outcome.record["seconds"] = round(time.perf_counter() - start, 4)
    _check_deadline(outcome.record, run.timeout_seconds)
    return outcome


def _check_deadline(record: PictureRecord, timeout_seconds: float | None) -> None:
    """Make a record fail whose picture was answered in time, but drawn too late."""
    if timeout_seconds is not None and record["ok"] and record["seconds"] > timeout_seconds:
        record["ok"] = False
        record["error"] = f"it took {record['seconds']} s to answer and draw, {timeout_seconds:g} s were given; give it longer"


def _run_picture(app: RunsPipelines, run: PictureRun, picture: Path) -> PictureOutcome:
    new = run.new_record(picture)
    try:
        return _answer(app, run, picture)
    except _FATAL:
        raise
    except TurnoutError as error:
        return PictureOutcome(_fail(new, str(error)), error if isinstance(error, BackendUnavailableError) else None)
    # A defect of a step or a backend: a run over thousands of pictures goes on, and the log has the traceback.
    except Exception as error:
        logger.exception("unexpected error; continuing with the next picture")
        return PictureOutcome(_fail(new, one_line(error)))


def _answer(app: RunsPipelines, run: PictureRun, picture: Path) -> PictureOutcome:
    try:
        result = app.run(run.pipeline, {**run.inputs, "image": str(picture)}, timeout_seconds=run.timeout_seconds)
    except PipelineFailedError as error:
        # The record keeps what other steps answered.
        return _finish(run, picture, PipelineResult(error.values, error.failures), {"error": str(error)})
    return _finish(run, picture, result, {})


def _finish(run: PictureRun, picture: Path, result: PipelineResult, error: Mapping[str, str]) -> PictureOutcome:
    """Return the outcome of a run with results; ``error`` is added to its record."""
    errors = [failure.error for failure in result.failures]
    if fatal := next((error for error in errors if isinstance(error, _FATAL)), None):
        raise fatal
    record = {**run.new_record(picture), **error, **picture_record(result, rle=run.rle, given=run.inputs)}
    _save(record, run.saves.get(picture), result, run.inputs)
    return PictureOutcome(record, next((error for error in errors if isinstance(error, BackendUnavailableError)), None))


def _fail(new: PictureRecord, error: str) -> PictureRecord:
    return {**new, "ok": False, "error": error, "regions": [], "failures": []}


def _save(record: PictureRecord, file: Path | None, result: PipelineResult, given: Container[str]) -> None:
    """Write the annotated picture to ``file``, and the maps beside it; an error makes the record fail."""
    if file is None or "picture" not in result:
        return
    annotated = annotate_result(result)
    try:
        save_png(annotated, file)
        record["saved"] = str(file)
        for name, written in save_maps(result, file, given).items():
            record[key_of(name)]["file"] = written
    except OSError as error:
        record["ok"] = False
        record["error"] = f"{str(file)!r} cannot be written: {error.strerror or error}"
