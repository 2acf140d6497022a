"""Verification of a model: select requests, compare the arms, save the evidence and the worst requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from turnout.commands.arm_proofs import arm_states
from turnout.commands.repository_folder import find_model_folder
from turnout.commands.requests import RequestOptions, select_requests
from turnout.commands.side_by_side import LeftOut, UsableArms, check_against, open_side_by_side, open_usable
from turnout.commands.verify.arms import compare_arms
from turnout.commands.verify.proofs import proofs_of
from turnout.commands.verify.result import ArmParity, VerifyResult
from turnout.errors import InvalidTensorError
from turnout.files.fingerprint import fingerprint
from turnout.files.state_folder import STATE
from turnout.metrics import Metrics
from turnout.parity import Verdict
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.recording import RecordedRequest
from turnout.repository.evidence import Evidence, publish_evidence, write_evidence
from turnout.repository.versions import evident_version
from turnout.serving.app import Turnout
from turnout.settings import LoadedModel, LoadedSettings, load_settings


@dataclass(frozen=True, slots=True)
class VerifyOptions(RequestOptions):
    """Options of ``turnout verify``.

    Attributes:
        against: the backends to compare with; empty for all others of turnout.yaml that can be used here.
        batch: the largest number of rows to send as one batch; None for ``max_batch_size``.
        ignore_answers: recorded answers are not compared.
        save: the folder for the worst request of each arm; None for the state folder.
        version: the version of the model repository to compare; None for the one that serves.
        publish: also write a match beside the versions of the model, so that it travels with them.
    """

    against: Sequence[str] = ()
    batch: int | None = None
    ignore_answers: bool = False
    save: Path | None = None
    version: int | None = None
    publish: bool = False


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of ``turnout verify`` for one model.

    Attributes:
        result: the comparison.
        source: the source of the requests.
        saved: the files of the worst requests.
        left_out: the backends that were not compared, because they cannot be used here.
    """

    result: VerifyResult
    source: str
    saved: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return everything but tensors in types of JSON."""
        left_out = [asdict(one) for one in self.left_out]
        return self.result.as_json() | {
            "source": self.source,
            "saved": [str(file) for file in self.saved],
            "left_out": left_out,
        }


def verify_file(file: Path, model: str, options: VerifyOptions, *, warn: Callable[[str], None]) -> VerifyReport:
    """Compare the backends of ``model`` of a turnout.yaml; ``warn`` is called if a file cannot be saved. Blocks.

    Backends that the options name must answer; otherwise those that cannot be used here are left out.

    Raises:
        TurnoutError: as ``compare_arms``; SettingsError for the file; InvalidInputError for the requests.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    if options.version is not None:
        loaded = loaded.with_version(model, str(options.version))
    view = loaded.model(model)
    check_against(view, options.against)
    states = arm_states(plugins, view, dict.fromkeys((view.backend, *(options.against or view.settings.backends))))
    with Turnout(loaded, plugins, Metrics()) as app, _open(app, plugins, view, options.against) as opened:
        arms = opened.by_backend
        records, source = select_requests(arms[view.backend], loaded, view, options)
        if options.ignore_answers:
            records = (replace(record, outputs={}) for record in records)
        result = compare_arms(
            model,
            arms,
            records,
            tolerances=view.settings.tolerances(),
            batch=view.settings.max_batch_size if options.batch is None else options.batch,
            timeout_seconds=options.timeout,
        )
    saved = _save_worst_requests(result, options.save or loaded.folder / STATE, warn)
    # A result that compared nothing must not replace a proof.
    if result.arms or result.verdict is Verdict.MISMATCH:
        facts = {"source": source, **proofs_of(loaded, plugins, states, result)}
        _save_evidence(loaded, plugins, result, facts, warn, publish=options.publish)
    return VerifyReport(result, source, saved, opened.left_out)


@contextmanager
def _open(app: Turnout, plugins: Plugins, model: LoadedModel, against: Sequence[str]) -> Iterator[UsableArms]:
    if not against:
        with open_usable(app, plugins, model) as arms:
            yield arms
        return
    with open_side_by_side(app, model, against) as named:
        yield UsableArms(named)


def _save_worst_requests(result: VerifyResult, folder: Path, warn: Callable[[str], None]) -> tuple[Path, ...]:
    try:
        return tuple(_save_worst_request(result, arm, arm.worst, folder) for arm in result.arms if arm.worst)
    except (OSError, InvalidTensorError) as error:
        warn(f"the worst requests cannot be saved in {str(folder)!r}: {error}")
        return ()


def _save_worst_request(result: VerifyResult, arm: ArmParity, worst: RecordedRequest, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.model}.worst-{arm.backend}.npz"
    with file.open("wb") as stream:
        replace(worst, model=result.model, backend=result.reference).write(stream, {arm.backend: arm.answer})
    return file


def _save_evidence(
    loaded: LoadedSettings,
    plugins: Plugins,
    result: VerifyResult,
    more: dict[str, Any],
    warn: Callable[[str], None],
    *,
    publish: bool,
) -> None:
    try:
        folder = find_model_folder(loaded, plugins, result.model)
        chosen = loaded.model(result.model).settings.version
        version = _evident_version(folder, chosen) if folder is not None else {}
        facts = result.as_json() | more | version
        evidence = Evidence(result.model, "verify", str(result.verdict), facts=facts)
        write_evidence(loaded.folder, evidence)
        if publish and folder is not None and version and result.verdict is Verdict.MATCH:
            publish_evidence(folder, evidence)
    except OSError as error:
        warn(f"the result cannot be saved for turnout status: {error}")


def _evident_version(folder: Path, chosen: str) -> dict[str, Any]:
    """Return the version in the model repository with its fingerprint: the evidence proves no other version."""
    number = evident_version(folder, chosen)
    return {"version": number, "sha256": fingerprint(folder / str(number))} if number is not None else {}
