"""What ``turnout record`` does: have a model asked, by a pipeline or with files of tensors, and record it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from turnout.errors import BackendUnavailableError, PipelineError, TurnoutError
from turnout.metrics import Metrics
from turnout.plugins.discovery import find_plugins
from turnout.recording import RecordingPolicy, read_recorded_request
from turnout.serving.app import Turnout
from turnout.settings import LoadedSettings, load_settings
from turnout.settings.schema.recording import RecordingSettings

MAX_BYTES = 1_000_000_000
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RecordingJob:
    """What to record.

    Attributes:
        files: what the pipeline's one required input is given in turn; without a pipeline, .npz files of the model's inputs.
        pipeline: the pipeline to run; None for the only one that the file has, unless ``files`` are .npz.
        inputs: further inputs of the pipeline.
        requests: how many records the folder may hold.
        directory: the records go into the model's folder in this one; None for what turnout.yaml says.
    """

    files: Sequence[Path]
    pipeline: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    requests: int = 100
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of it.

    Attributes:
        folder: where the records are.
        recorded: how many requests were recorded.
        held: how many records the folder holds now.
        failures: what went wrong with files, in sentences.
    """

    folder: Path
    recorded: int
    held: int
    failures: tuple[str, ...]


class _Patient(RecordingSettings):
    """Records everything, and has requests wait for the disk instead of dropping them."""

    def policy(self, folder: Path, model: str) -> RecordingPolicy:
        return replace(super().policy(folder, model), wait_seconds=_PATIENCE_SECONDS)


def record_file(file: Path, model: str, job: RecordingJob, *, progress: Callable[[str], None]) -> RecordingResult:
    """Have ``model`` of a turnout.yaml asked, and record it; blocks.

    A file that fails stops no other; ``progress`` hears of each. It ends when the folder holds as many as it may.

    Raises:
        SettingsError: turnout.yaml is wrong.
        UnknownNameError: there is no such model or pipeline.
        PipelineError: it is not clear which pipeline to run, or which of its inputs a file is.
        BackendUnavailableError: the model's backend cannot be reached.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    loaded.check_model(model)
    wanted = _settings(loaded, model, job)
    folder = wanted.policy(loaded.folder, model).folder
    before = _count(folder)
    with Turnout(_with(loaded, model, wanted), plugins, Metrics()) as app:
        failures = _ask_all(app, model, job, folder, progress)
    failures += _unwritten(app.metrics, model)
    held = _count(folder)
    return RecordingResult(folder, held - before, held, tuple(failures))


def _settings(loaded: LoadedSettings, model: str, job: RecordingJob) -> RecordingSettings:
    written = loaded.settings.models[model].record or RecordingSettings()
    directory = Path.cwd() / job.directory if job.directory else written.directory
    return _Patient(directory=directory, fraction=1.0, max_bytes=MAX_BYTES, max_requests=job.requests)


def _with(loaded: LoadedSettings, model: str, record: RecordingSettings) -> LoadedSettings:
    """Return settings that record this model and no other."""
    models = {name: settings.model_copy(update={"record": None}) for name, settings in loaded.settings.models.items()}
    models[model] = models[model].model_copy(update={"record": record})
    return replace(loaded, settings=loaded.settings.model_copy(update={"models": models}))


def _count(folder: Path) -> int:
    return len(list(folder.glob("*.npz")))


def _unwritten(metrics: Metrics, model: str) -> list[str]:
    counts = {outcome: _counted(metrics, model, outcome) for outcome in ("dropped", "failed")}
    return [
        f"{count} requests were answered and could not be written ({outcome})" for outcome, count in counts.items() if count
    ]


def _counted(metrics: Metrics, model: str, outcome: str) -> int:
    labels = {"model": model, "outcome": outcome}
    return int(metrics.registry.get_sample_value("turnout_recorded_requests_total", labels) or 0)


def _ask_all(app: Turnout, model: str, job: RecordingJob, folder: Path, progress: Callable[[str], None]) -> list[str]:
    ask = _asker(app, model, job)
    failures: list[str] = []
    for file in job.files:
        if _count(folder) >= job.requests:
            progress(f"{str(folder)!r} holds {job.requests} records; nothing more is asked")
            break
        try:
            failures += ask(file)
        except BackendUnavailableError:
            raise
        except TurnoutError as error:
            failures.append(f"{file}: {error}")
        progress(str(file))
    return failures


def _asker(app: Turnout, model: str, job: RecordingJob) -> Callable[[Path], list[str]]:
    """Return a function that asks the model with a file and returns what failed."""
    if job.pipeline is None and job.files and all(file.suffix == ".npz" for file in job.files):
        return lambda file: _ask_with_tensors(app, model, file)
    pipeline = job.pipeline or _only_pipeline(app)
    name = _file_input(app, pipeline, job)
    return lambda file: _run(app, pipeline, {**job.inputs, name: file}, file)


def _ask_with_tensors(app: Turnout, model: str, file: Path) -> list[str]:
    app.model(model).infer(read_recorded_request(file).request())
    return []


def _run(app: Turnout, pipeline: str, inputs: Mapping[str, Any], file: Path) -> list[str]:
    result = app.run(pipeline, **inputs)
    for failure in result.failures:
        if isinstance(failure.error, BackendUnavailableError):
            raise failure.error
    return [f"{file}: {failure.error}" for failure in result.failures]


def _only_pipeline(app: Turnout) -> str:
    if len(app.pipelines) != 1:
        names = ", ".join(app.pipelines) or "none"
        raise PipelineError(
            f"files that are not .npz need a pipeline that makes tensors of them; this turnout.yaml has {names}: "
            "name one with --pipeline"
        )
    return app.pipelines[0]


def _file_input(app: Turnout, pipeline: str, job: RecordingJob) -> str:
    left = [name for name in app.pipeline(pipeline).plan.inputs if name not in job.inputs]
    if len(left) != 1:
        raise PipelineError(
            f"each file must be one input of pipeline {pipeline!r}, which still takes {', '.join(left) or 'none'}; "
            "give the others with --set NAME=VALUE"
        )
    return left[0]
