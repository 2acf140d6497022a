"""Proving that the parts of an app can work, before any request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.errors import TurnoutError, one_line
from turnout.inference import ModelSignature
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.plugins.repositories import CheckRequest, Repository, RepositoryFinding
from turnout.recording import folder_of_model
from turnout.serving.app import Turnout
from turnout.serving.warmup import warmup_files
from turnout.settings import LoadedSettings, load_settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing.

    ``what`` is ``settings``, ``pipeline``, ``batching``, ``warmup``, ``repository`` or ``model``.
    """

    what: str
    name: str
    ok: bool
    text: str


def check_app(source: Path, *, deep: bool = False) -> list[Finding]:
    """Return a finding for the settings, for every pipeline and, if ``deep``, for every backend of every model, opened alone.

    What plugins find in model repositories comes too: each difference between the settings, the configuration of a model and,
    where it can be reached, the server.

    Raises:
        SettingsError: the file itself is wrong; nothing else can be checked.
    """
    plugins = find_plugins()
    loaded = load_settings(source, registry=plugins)
    with Turnout(loaded, plugins, Metrics()) as app:
        findings = [Finding("settings", str(source), True, f"{len(app.models)} models, {len(app.pipelines)} pipelines")]
        findings += [_check_pipeline(app, name) for name in app.pipelines]
        for name in app.models:
            findings += _check_batching(loaded, plugins, name)
            findings += _check_warmup(loaded, name)
            findings += _check_repositories(loaded, plugins, name, deep=deep)
        if deep:
            findings += [_check_arm(app, name, *arm) for name in app.models for arm in _arms(loaded, name)]
        return findings


def _check_batching(loaded: LoadedSettings, plugins: Plugins, name: str) -> list[Finding]:
    backend = loaded.settings.backend_of(name)
    if loaded.settings.models[name].dynamic_batching is None or plugins.backend(backend).batches:
        return []
    text = f"dynamic_batching has no effect on backend {backend!r}, which runs each request by itself"
    return [Finding("batching", name, True, text)]


def _check_repositories(loaded: LoadedSettings, plugins: Plugins, name: str, *, deep: bool) -> list[Finding]:
    findings: list[Finding] = []
    declaration, backend = loaded.settings.models[name].declaration(name, loaded.folder), loaded.settings.backend_of(name)
    for kind in plugins.repositories():
        options = loaded.backend_options.get((name, kind.backend))
        request = CheckRequest(declaration, options, serves=backend == kind.backend, deep=deep)
        findings += [Finding("repository", name, found.ok, found.text) for found in ask_repository(kind, request)]
    return findings


def ask_repository(kind: Repository, request: CheckRequest) -> list[RepositoryFinding]:
    """Return what ``kind`` finds; a check that fails is a finding too."""
    try:
        return list(kind.check(request))
    except TurnoutError as error:
        return [RepositoryFinding(False, str(error))]
    except Exception as error:  # noqa: BLE001  # a stranger's check may raise anything
        return [RepositoryFinding(False, f"the check of {kind.name!r} failed: {one_line(error)}")]


def _check_pipeline(app: Turnout, name: str) -> Finding:
    try:
        plan = app.pipeline(name).plan
    except TurnoutError as error:
        return Finding("pipeline", name, False, str(error))
    optional = [f"[{given}]" for given in plan.optional_inputs]
    return Finding("pipeline", name, True, f"takes {' '.join((*plan.inputs, *optional))}; steps {', '.join(plan.steps)}")


def _arms(loaded: LoadedSettings, name: str) -> list[tuple[str, str]]:
    """Return every backend that ``name`` may be asked on, the serving one first, each with its part."""
    arms = {loaded.settings.backend_of(name): ""}
    for part, backend in loaded.settings.models[name].other_backends().items():
        arms.setdefault(backend, f" ({part})")
    return list(arms.items())


def _check_arm(app: Turnout, name: str, backend: str, part: str) -> Finding:
    """Open one backend alone: a fallback would answer for it."""
    arm = app.arm(name, backend)
    try:
        return Finding("model", name, True, f"{backend}{part}: {describe_signature(arm.signature())}")
    except TurnoutError as error:
        return Finding("model", name, False, f"{backend}{part}: {error}" if part else str(error))
    finally:
        arm.close()


def _check_warmup(loaded: LoadedSettings, name: str) -> list[Finding]:
    warmup = loaded.settings.models[name].warmup
    if warmup is None:
        return []
    folder = folder_of_model(loaded.folder / warmup.recorded, name)
    count = len(warmup_files(folder, warmup.requests))
    missing = f"there is no record in {str(folder)!r}; record some: turnout record {name} ..."
    return [Finding("warmup", name, count > 0, f"{count} requests of {str(folder)!r}" if count else missing)]


def describe_signature(signature: ModelSignature) -> str:
    """Return inputs and outputs in one line."""
    sides = [", ".join(f"{spec.name} {spec}" for spec in side) or "?" for side in (signature.inputs, signature.outputs)]
    return " -> ".join(sides)
