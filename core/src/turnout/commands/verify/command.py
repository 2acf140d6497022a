"""What ``turnout verify`` does: choose requests, compare the arms, keep the evidence and the worst requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from turnout.commands.export import model_folder
from turnout.commands.requests import RequestChoice, chosen_requests
from turnout.commands.side_by_side import check_against, compared_arms, others_of
from turnout.commands.verify.arms import compare_arms
from turnout.commands.verify.result import ArmParity, Verification
from turnout.errors import InvalidTensorError
from turnout.files.state_folder import STATE
from turnout.metrics import Metrics
from turnout.parity import Tolerances
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.repository.evidence import Evidence, fingerprint, write_evidence
from turnout.repository.publishing import versions
from turnout.serving.app import Turnout
from turnout.settings import LoadedSettings, load_settings

ROWS = 8


@dataclass(frozen=True, slots=True)
class Choices(RequestChoice):
    """What the user chose.

    Attributes:
        against: the backends to compare with; empty for all others that the file names.
        batch: how many rows are sent alone and together; None for 8, or as many as the model takes.
        ignore_answers: recorded answers are not compared.
        save: where the worst request of each arm is kept; None for the state folder.
    """

    against: Sequence[str] = ()
    batch: int | None = None
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
    loaded.check_model(model)
    check_against(loaded, model, choices.against)
    against = choices.against or others_of(loaded, model)
    with Turnout(loaded, plugins, Metrics()) as app, compared_arms(app, model, against) as arms:
        records, source = chosen_requests(next(iter(arms.values())), loaded, model, choices)
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


def tolerances_of(loaded: LoadedSettings, model: str) -> Tolerances:
    """Return what turnout.yaml says under ``tolerance`` of ``model``."""
    written = loaded.settings.models[model].tolerance
    return written.tolerances() if written else Tolerances()


def _batch(loaded: LoadedSettings, model: str, chosen: int | None) -> int:
    largest = loaded.settings.models[model].max_batch_size
    return min(ROWS, largest) if chosen is None else chosen


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
