"""Checks of an app: settings, pipelines, batching, instances, warm-up, files, model repositories and, if deep, requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from turnout.commands.arm_files import find_arm_files
from turnout.commands.check_proofs import check_proofs
from turnout.commands.check_requests import check_requests
from turnout.commands.check_result import CheckResult
from turnout.commands.instances import check_instances
from turnout.commands.placeholders import find_placeholders
from turnout.errors import ModelLoadError, TurnoutError, count_of, one_line
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.plugins.repositories import CheckRequest, Repository, RepositoryFinding
from turnout.recording import folder_of_model
from turnout.repository.versions import version_of
from turnout.serving.app import Turnout
from turnout.serving.warmup import warmup_files
from turnout.settings import LoadedModel, LoadedSettings, load_settings


def check_app(source: Path, *, deep: bool = False) -> list[CheckResult]:
    """Check the settings, every pipeline and model.

    If ``deep``, every pipeline runs on examples, and every backend of every model, opened on its own, gets a request.

    Plugins check their model repositories: each difference between the settings, the configuration of a model and, if it can be
    reached, the server.

    Raises:
        SettingsError: the file itself is wrong; nothing else can be checked.
    """
    plugins = find_plugins()
    loaded = load_settings(source, registry=plugins)
    with Turnout(loaded, plugins, Metrics()) as app:
        counts = f"{count_of(len(app.models), 'model')}, {count_of(len(app.pipelines), 'pipeline')}"
        results = [CheckResult("settings", str(source), True, counts)]
        results += [CheckResult("settings", place, False, text) for place, text in find_placeholders(loaded)]
        results += [_check_pipeline(app, name) for name in app.pipelines]
        for model in loaded.models.values():
            results += check_instances(plugins, model)
            results += _check_warmup(loaded, model)
            results += check_files(plugins, model)
            results += check_proofs(loaded, plugins, model)
            results += _check_repositories(plugins, model, deep=deep)
        if deep:
            return _with_requests(results, list(check_requests(app, plugins, loaded, _arms)))
        return results


def find_missing_files(source: Path) -> list[str]:
    """Return a line for each file that a model of ``source`` needs and that is missing; nothing is opened.

    Raises:
        SettingsError: the file itself is wrong.
    """
    plugins = find_plugins()
    models = load_settings(source, registry=plugins).models.values()
    return [finding.text for model in models for finding in check_files(plugins, model) if not finding.ok]


def _with_requests(results: list[CheckResult], deep: list[CheckResult]) -> list[CheckResult]:
    """Return all results; the run of a pipeline is added to the result of its plan."""
    runs = {run.name: run for run in deep if run.what == "pipeline"}
    joined = [
        replace(runs[result.name], text=f"{result.text}; {runs[result.name].text}")
        if result.what == "pipeline" and result.name in runs
        else result
        for result in results
    ]
    return joined + [result for result in deep if result.what != "pipeline"]


def _check_pipeline(app: Turnout, name: str) -> CheckResult:
    try:
        plan = app.pipeline(name).plan
    except TurnoutError as error:
        return CheckResult("pipeline", name, False, str(error), error=error)
    optional = [f"[{given}]" for given in plan.optional_inputs]
    text = f"inputs {' '.join((*plan.inputs, *optional))}; steps {', '.join(plan.steps)}"
    return CheckResult("pipeline", name, True, text)


def _check_warmup(loaded: LoadedSettings, model: LoadedModel) -> Iterator[CheckResult]:
    warmup = model.settings.warmup
    if warmup is None:
        return
    folder = folder_of_model(loaded.folder / warmup.recorded, model.name)
    count = len(warmup_files(folder, warmup.requests))
    missing = f"{str(folder)!r} has no record; record some: turnout record {model.name} ..."
    yield CheckResult("warmup", model.name, count > 0, f"{count_of(count, 'request')} of {str(folder)!r}" if count else missing)


def check_files(plugins: Plugins, model: LoadedModel) -> Iterator[CheckResult]:
    """Yield a finding for each arm whose file is missing, and for arms that open another version than the serving one."""
    served: dict[str, tuple[Path, int]] = {}
    arms = dict(_arms(model))
    for backend in (*arms, *[name for name in model.settings.backends if name not in arms]):
        try:
            version = version_of(find_arm_files(plugins, model, backend))
        except ModelLoadError as error:
            error.locate(model.name, backend)
            if backend in arms:
                yield CheckResult("files", model.name, False, f"{backend}{arms[backend]}: {error}", error=error)
            continue
        if version is not None:
            served[backend] = version
    first = next(iter(served), "")
    for backend, (folder, number) in served.items():
        if folder == served[first][0] and number != served[first][1]:
            text = f"{backend!r} answers with version {number} of {folder.name!r}, {first!r} with version {served[first][1]}"
            yield CheckResult("files", model.name, not {backend, first} <= arms.keys(), f"{text}; make them serve one version")


def _check_repositories(plugins: Plugins, model: LoadedModel, *, deep: bool) -> Iterator[CheckResult]:
    for kind in plugins.repositories():
        options = model.options.get(kind.backend)
        serves = kind.backend in dict(_arms(model))
        request = CheckRequest(model.declaration, options, serves=serves, deep=deep)
        for finding in run_repository_check(kind, request):
            note = finding.ok and (finding.note or finding.reached is False)
            yield CheckResult("repository", model.name, finding.ok, finding.text, note=note)


def run_repository_check(kind: Repository, request: CheckRequest) -> list[RepositoryFinding]:
    """Return the findings of ``kind``; a check that raises is a finding too."""
    try:
        return list(kind.check(request))
    except TurnoutError as error:
        return [RepositoryFinding(False, str(error))]
    except Exception as error:  # noqa: BLE001  # a plugin's check may raise anything
        return [RepositoryFinding(False, f"the check of {kind.name!r} failed: {one_line(error)}")]


def _arms(model: LoadedModel) -> list[tuple[str, str]]:
    """Return every backend that may get requests of ``model``, the serving one first, each with its part in brackets."""
    arms = {model.backend: ""}
    for part, backend in model.settings.other_backends().items():
        arms.setdefault(backend, f" ({part})")
    return list(arms.items())
