"""What ``turnout verify`` does: choose requests, compare the arms, keep the evidence and the worst requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from turnout.app import Turnout
from turnout.arm_parity import compare_arms
from turnout.errors import ConfigurationError, InvalidTensorError, unknown_name
from turnout.evidence import Evidence, fingerprint, write_evidence
from turnout.export import model_folder
from turnout.generated_inputs import generate_inputs
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.parity import Tolerances
from turnout.plugins import Plugins, find_plugins
from turnout.publishing import versions
from turnout.recording import Record, RecordingSet, read_record
from turnout.settings import LoadedSettings, load_settings
from turnout.state_folder import STATE
from turnout.verification import ArmParity, Verification

DEFAULT_RECORDINGS = Path("recordings")
GENERATED = 4
ROWS = 8


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose.

    Attributes:
        against: the backends to compare with; empty for all others that the file names.
        recording: the folder of a recording; None for the model's own, if there is one.
        inputs: files of arrays by input name.
        generate: how many requests to make; None for none, unless nothing was recorded.
        shapes: sizes behind the batch axis, of inputs whose signature leaves some free.
        batch: how many rows are sent alone and together; None for 8, or as many as the model takes.
        timeout: the seconds that a request may take.
        ignore_answers: recorded answers are not compared.
        save: where the worst request of each arm is kept; None for the state folder.
    """

    against: Sequence[str] = ()
    recording: Path | None = None
    inputs: Sequence[Path] = ()
    generate: int | None = None
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    batch: int | None = None
    timeout: float = 60.0
    ignore_answers: bool = False
    save: Path | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A verification with where its requests came from, and the files that were saved."""

    result: Verification
    source: str
    saved: tuple[Path, ...]

    def as_json(self) -> dict[str, Any]:
        """Return everything but tensors in types of JSON."""
        return self.result.as_json() | {"source": self.source, "saved": [str(file) for file in self.saved]}


def verify_file(file: Path, model: str, choices: Choices, *, warn: Callable[[str], None]) -> Verified:
    """Verify ``model`` of a turnout.yaml; ``warn`` hears of what cannot be kept. Blocks.

    Raises:
        TurnoutError: as ``compare_arms``; SettingsError for the file; InvalidInputError for the requests.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    if model not in loaded.settings.models:
        raise unknown_name("model", model, loaded.settings.models, f"In {loaded.source}.")
    against = _against(loaded, model, choices.against)
    with Turnout(loaded, plugins, Metrics()) as app, _opened(app, model, against) as arms:
        records, source = _requests(next(iter(arms.values())), loaded, model, choices)
        if choices.ignore_answers:
            records = (replace(record, outputs={}) for record in records)
        result = compare_arms(
            model,
            arms,
            records,
            tolerances=tolerances_of(loaded, model),
            batch=_batch(loaded, model, choices.batch),
            timeout_seconds=choices.timeout,
        )
    saved = _save_all(result, choices.save or loaded.folder / STATE, warn)
    _keep(loaded, plugins, result, source, warn)
    return Verified(result, source, saved)


@contextmanager
def _opened(app: Turnout, model: str, against: Sequence[str]) -> Iterator[Mapping[str, ModelInference]]:
    """Yield the arm that serves ``model``, then those of ``against``; each opens itself at its first request."""
    with ExitStack() as stack:
        arms: dict[str, ModelInference] = {}
        for backend in dict.fromkeys((app.model(model).backend, *against)):
            arms[backend] = app.arm(model, backend)
            stack.callback(arms[backend].close)
        yield arms


def tolerances_of(loaded: LoadedSettings, model: str) -> Tolerances:
    """Return what turnout.yaml says under ``tolerance`` of ``model``."""
    written = loaded.settings.models[model].tolerance
    return written.tolerances() if written else Tolerances()


def recording_folder(loaded: LoadedSettings, model: str) -> Path:
    """Return where the records of ``model`` go: what turnout.yaml says under ``record``, else ``recordings`` beside it."""
    written = loaded.settings.models[model].record
    return loaded.folder / (written.directory if written else DEFAULT_RECORDINGS) / model


def _against(loaded: LoadedSettings, model: str, chosen: Sequence[str]) -> Sequence[str]:
    serving = loaded.settings.backend_of(model)
    others = [backend for backend in loaded.settings.models[model].backends if backend != serving]
    if serving in chosen:
        raise ConfigurationError(
            f"model {model!r} is served by {serving!r}, which cannot be compared with itself; "
            f"the others in {loaded.where('models', model)}: {', '.join(others) or 'none'}"
        )
    return chosen or others


def _batch(loaded: LoadedSettings, model: str, chosen: int | None) -> int:
    largest = loaded.settings.models[model].max_batch_size
    return min(ROWS, largest) if chosen is None else chosen


def _requests(reference: ModelInference, loaded: LoadedSettings, model: str, choices: Choices) -> tuple[Iterable[Record], str]:
    """Return the requests, and where they come from: what was chosen, else the model's recording, else made ones."""
    if choices.inputs:
        return [read_record(file) for file in choices.inputs], f"inputs of {', '.join(map(str, choices.inputs))}"
    own = recording_folder(loaded, model)
    recording = choices.recording
    if recording is None and choices.generate is None and any(own.glob("*.npz")):
        recording = own
    if recording is not None:
        inner = recording / model
        records = RecordingSet(inner if inner.is_dir() else recording)
        return records, f"recorded in {os.path.relpath(records.folder)}"
    count = choices.generate or GENERATED
    rows = 1 if loaded.settings.models[model].max_batch_size else 0
    inputs = generate_inputs(model, reference.signature(), count, rows, choices.shapes)
    return [Record(arrays, name=f"generated-{index}") for index, arrays in enumerate(inputs)], "made from its signature"


def _save_all(result: Verification, folder: Path, warn: Callable[[str], None]) -> tuple[Path, ...]:
    try:
        return tuple(_save(result, arm, folder) for arm in result.arms if arm.worst)
    except (OSError, InvalidTensorError) as error:
        warn(f"the worst requests cannot be kept in {str(folder)!r}: {error}")
        return ()


def _save(result: Verification, arm: ArmParity, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.model}.worst-{arm.backend}.npz"
    with file.open("wb") as stream:
        if arm.worst is not None:
            replace(arm.worst, model=result.model, backend=result.reference).write(stream, {arm.backend: arm.answer})
    return file


def _keep(loaded: LoadedSettings, plugins: Plugins, result: Verification, source: str, warn: Callable[[str], None]) -> None:
    facts = result.as_json() | {"source": source, **_version(loaded, plugins, result.model)}
    try:
        write_evidence(loaded.folder, Evidence(result.model, "verify", str(result.verdict), facts=facts))
    except OSError as error:
        warn(f"the result cannot be kept for turnout status: {error}")


def _version(loaded: LoadedSettings, plugins: Plugins, model: str) -> dict[str, Any]:
    """Return the version that the model repository has, and its fingerprint, so that a later one is known to be unproved."""
    folder = model_folder(loaded, plugins, model)
    numbers = versions(folder)
    return {"version": numbers[-1], "sha256": fingerprint(folder / str(numbers[-1]))} if numbers else {}
