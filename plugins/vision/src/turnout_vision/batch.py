"""Running a pipeline on one picture after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from turnout import PipelineResult
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    ConfigurationError,
    ModelLoadError,
    PluginError,
    TurnoutError,
)
from turnout_vision.annotate import annotated, save_png
from turnout_vision.findings import findings_of, texts_of
from turnout_vision.records import Record, record_of

logger = logging.getLogger(__name__)

# These are the same for every picture.
_FATAL = (ConfigurationError, PluginError, ModelLoadError, ClosedError)

GIVE_UP_AFTER = 5


class RunsPipelines(Protocol):
    """What is used of an open app."""

    def run(self, pipeline: str, /, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        """Run a pipeline."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every picture.

    Attributes:
        pipeline: the pipeline's name.
        inputs: what it gets besides ``image``.
        timeout_seconds: how long one picture may take; None is for ever.
        saves: where the annotated picture of a picture is written; a picture without an entry is not drawn.
        rle: put whole masks into the records.
    """

    pipeline: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float | None = None
    saves: Mapping[Path, Path] = field(default_factory=dict)
    rle: bool = False

    def begun(self, picture: Path) -> Record:
        """Return how the record of ``picture`` begins."""
        inputs = {"inputs": dict(self.inputs)} if self.inputs else {}
        return {"image": str(picture), "pipeline": self.pipeline, **inputs}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record of one picture, with the error if it, or a part of it, failed for want of a backend."""

    record: Record
    unavailable: BackendUnavailableError | None = None


def run_batch(app: RunsPipelines, job: Job, pictures: Sequence[Path]) -> Iterator[Outcome]:
    """Yield the outcome of each picture; the record of a bad one has ``ok`` false, and ``error`` if nothing was answered.

    Raises:
        BackendUnavailableError: the backend could not be reached for several pictures in a row.
        TurnoutError: the settings, a plugin or a model make every picture fail.
    """
    in_a_row = 0
    for picture in pictures:
        start = time.perf_counter()
        outcome = _outcome(app, job, picture)
        outcome.record["seconds"] = round(time.perf_counter() - start, 4)
        yield outcome
        in_a_row = in_a_row + 1 if outcome.unavailable else 0
        if in_a_row == GIVE_UP_AFTER:
            raise BackendUnavailableError(f"given up after {in_a_row} pictures: {outcome.unavailable}") from outcome.unavailable


def _outcome(app: RunsPipelines, job: Job, picture: Path) -> Outcome:
    begun = job.begun(picture)
    try:
        result = app.run(job.pipeline, {**job.inputs, "image": str(picture)}, timeout_seconds=job.timeout_seconds)
    except _FATAL:
        raise
    except TurnoutError as error:
        return Outcome(_failed(begun, str(error)), error if isinstance(error, BackendUnavailableError) else None)
    except Exception as error:
        logger.exception("a defect, not the picture's fault; going on with the next picture")
        return Outcome(_failed(begun, f"{type(error).__name__}: {error}"))
    errors = [failure.error for failure in result.failures]
    if fatal := next((error for error in errors if isinstance(error, _FATAL)), None):
        raise fatal
    record = {**begun, **record_of(result, rle=job.rle)}
    _save(record, job.saves.get(picture), result)
    return Outcome(record, next((error for error in errors if isinstance(error, BackendUnavailableError)), None))


def _failed(begun: Record, error: str) -> Record:
    return {**begun, "ok": False, "error": error, "regions": [], "failures": []}


def _save(record: Record, file: Path | None, result: PipelineResult) -> None:
    if file is None or "picture" not in result:
        return
    footer = [f"{name}: {text}" for name, text in texts_of(result).items() if text]
    try:
        save_png(annotated(result["picture"], findings_of(result), footer), file)
        record["saved"] = str(file)
    except OSError as error:
        record["ok"] = False
        record["error"] = f"{str(file)!r} cannot be written: {error.strerror or error}"
