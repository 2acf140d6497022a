"""Recording of a model's requests while a pipeline or files of tensors send them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from turnout.commands.pipeline_files import file_input
from turnout.commands.record_files import TENSORS, expand_folders
from turnout.commands.requests import recording_folder
from turnout.errors import BackendUnavailableError, PipelineFailedError, PipelineWiringError, TurnoutError, count_of
from turnout.metrics import Metrics
from turnout.plugins.discovery import find_plugins
from turnout.recording import RecordingPolicy, read_recorded_request, record_files
from turnout.serving.app import Turnout
from turnout.settings import LoadedModel, LoadedSettings, load_settings
from turnout.settings.schema.recording import RecordingSettings

logger = logging.getLogger(__name__)

MAX_BYTES = 1_000_000_000
_DISK_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """Options of ``turnout record``.

    Attributes:
        files: values for the pipeline's one required input, without a pipeline .npz files of the model's inputs; or folders.
        pipeline: the pipeline to run; None for the only one of the file, unless ``files`` are .npz files.
        inputs: further inputs of the pipeline.
        requests: the number of records that the folder may hold.
        directory: the parent of the model's folder of records; None for the one in turnout.yaml.
    """

    files: Sequence[Path]
    pipeline: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    requests: int = 100
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The result of ``turnout record``.

    Attributes:
        folder: the folder of the records.
        recorded: the number of requests that were recorded.
        held: the number of records that the folder holds now.
        failures: the errors of files, one sentence each.
    """

    folder: Path
    recorded: int
    held: int
    failures: tuple[str, ...]


class _BlockingRecordingSettings(RecordingSettings):
    """Settings of a recording that drops nothing: a request waits for the disk."""

    def policy(self, folder: Path, model: str) -> RecordingPolicy:
        return replace(super().policy(folder, model), wait_seconds=_DISK_WAIT_SECONDS)


def record_file(file: Path, model: str, options: RecordOptions) -> RecordResult:
    """Send requests to ``model`` of a turnout.yaml and record them; blocks.

    A file that fails does not stop the others. Recording ends when the folder is full.

    Raises:
        SettingsError: turnout.yaml is wrong.
        UnknownNameError: there is no such model or pipeline.
        PipelineWiringError: several pipelines, or several inputs of the pipeline, are possible.
        BackendUnavailableError: the model's backend cannot be reached.
    """
    options = replace(options, files=expand_folders(options.files))
    plugins = find_plugins()
    loaded = _record_only(load_settings(file, registry=plugins), model, options)
    folder = recording_folder(loaded, loaded.model(model))
    before = len(record_files(folder))
    with Turnout(loaded, plugins, Metrics()) as app:
        failures = _send_all(app, model, options, folder)
    failures += _write_failures(app.metrics, model)
    held = len(record_files(folder))
    return RecordResult(folder, held - before, held, tuple(failures))


def _record_only(loaded: LoadedSettings, model: str, options: RecordOptions) -> LoadedSettings:
    """Return the settings with a recording of ``model`` and of no other model."""
    models = {name: one.settings.model_copy(update={"record": None}) for name, one in loaded.models.items()}
    recording = _recording_settings(loaded.model(model), options)
    models[model] = models[model].model_copy(update={"record": recording})
    return replace(loaded, settings=loaded.settings.model_copy(update={"models": models}))


def _recording_settings(model: LoadedModel, options: RecordOptions) -> RecordingSettings:
    settings = model.settings.record or RecordingSettings()
    directory = Path.cwd() / options.directory if options.directory else settings.directory
    return _BlockingRecordingSettings(directory=directory, fraction=1.0, max_bytes=MAX_BYTES, max_requests=options.requests)


def _write_failures(metrics: Metrics, model: str) -> list[str]:
    """Return a sentence for each kind of request that was answered and not recorded, from the metrics of the app."""
    counts = {outcome: _count_outcome(metrics, model, outcome) for outcome in ("dropped", "failed")}
    return [f"{count_of(count, 'request')} answered, but not written ({outcome})" for outcome, count in counts.items() if count]


def _count_outcome(metrics: Metrics, model: str, outcome: str) -> int:
    labels = {"model": model, "outcome": outcome}
    return int(metrics.registry.get_sample_value("turnout_recorded_requests_total", labels) or 0)


def _send_all(app: Turnout, model: str, options: RecordOptions, folder: Path) -> list[str]:
    send = _sender(app, model, options)
    failures: list[str] = []
    for number, file in enumerate(options.files, 1):
        if len(record_files(folder)) >= options.requests:
            rest = len(options.files) - number + 1
            logger.warning("%r holds %d records; not sent: %s", str(folder), options.requests, count_of(rest, "file"))
            break
        logger.info("recording file %d of %d: %s", number, len(options.files), file)
        try:
            failures += send(file)
        except BackendUnavailableError:
            raise
        except TurnoutError as error:
            failures.append(f"{file}: {error}")
    return failures


def _sender(app: Turnout, model: str, options: RecordOptions) -> Callable[[Path], list[str]]:
    """Return a function that sends the requests of a file to the model and returns its failures."""
    if options.pipeline is None and options.files and all(file.suffix == TENSORS for file in options.files):
        return lambda file: _send_tensors(app, model, file)
    pipeline = options.pipeline or _only_pipeline(app)
    name = file_input(app.pipeline(pipeline), options.inputs)
    return lambda file: _run_pipeline(app, pipeline, {**options.inputs, name: file}, file)


def _send_tensors(app: Turnout, model: str, file: Path) -> list[str]:
    app.model(model).infer(read_recorded_request(file).request())
    return []


def _run_pipeline(app: Turnout, pipeline: str, inputs: Mapping[str, Any], file: Path) -> list[str]:
    try:
        failures = app.run(pipeline, inputs).failures
    except PipelineFailedError as error:
        failures = error.failures
    for failure in failures:
        if isinstance(failure.error, BackendUnavailableError):
            raise failure.error
    return [f"{file}: {failure.error}" for failure in failures]


def _only_pipeline(app: Turnout) -> str:
    if len(app.pipelines) != 1:
        names = ", ".join(app.pipelines) or "none"
        raise PipelineWiringError(
            f"files that are not .npz need a pipeline that turns them into tensors; this turnout.yaml has {names}: "
            "name one with --pipeline",
            next_step=f"give --pipeline {app.pipelines[0]} to the same command" if app.pipelines else "give .npz files",
        )
    return app.pipelines[0]
