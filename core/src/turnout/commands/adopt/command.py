"""The adoption of a source: its models and their pipelines; nothing is published before it is proved."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from turnout.commands.adopt.adoption import Adoption
from turnout.commands.adopt.checks import check_candidate, check_words
from turnout.commands.adopt.find import find_candidates
from turnout.commands.adopt.in_memory import load_entries
from turnout.commands.adopt.report import AdoptReport
from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.adopt.settings_file import add_to_file, added_text, present_entries
from turnout.commands.adopt.task_pipeline import task_pipelines
from turnout.commands.adopt.trial import PipelineTrial, try_pipeline
from turnout.errors import BackendUnavailableError, DeadlineExceededError, ModelLoadError, TurnoutError
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.settings.edit.flow_text import flow_text

Steps = Mapping[str, Sequence[Any]]
"""The steps of pipelines, by the name of each."""

_STAGE = "pipelines"


def adopt_source(request: AdoptRequest, *, warn: Callable[[str], None]) -> AdoptReport:
    """Adopt the models of a source; blocks for minutes. ``warn`` is called with what does not stop it.

    Raises:
        ConfigurationError: the source cannot be used, or not as the user asks; nothing was written.
        TurnoutError: a model of it cannot be opened or does not answer; nothing was written.
    """
    plugins = find_plugins()
    check_words(plugins, request)
    candidates, remarks = find_candidates(plugins, request, present_entries(request.config, "models"))
    for candidate in candidates:
        check_candidate(plugins, request, candidate)
    models = [Adoption(plugins, request, one) for one in candidates]
    pipelines = task_pipelines(plugins, candidates, request.step_options)
    if request.dry_run:
        return _plan(plugins, request, models, pipelines, remarks)
    with _before_writing():
        for one in models:
            one.find()
    chosen = _choose_pipelines(plugins, request, models, pipelines)
    added = _write(plugins, request, models, chosen)
    for one in models:
        one.export()
        one.serve(warn)
        one.measure()
    names = tuple(chosen)
    step = (
        f"turnout run {names[0]} {request.files[0] if request.files else 'FILE'}"
        if names
        else f"turnout status {models[0].name}"
    )
    reports = [one.report for one in models]
    return AdoptReport(request.source, str(request.config), False, reports, names, remarks, added, step)


@contextmanager
def _before_writing() -> Iterator[None]:
    """Give an error its next step: the model is in no file yet, so no command shows it."""
    try:
        yield
    except (ModelLoadError, BackendUnavailableError, DeadlineExceededError) as error:
        error.next_step = error.next_step or "correct the source, and give the same command again: nothing was written"
        raise


def _plan(
    plugins: Plugins, request: AdoptRequest, models: Sequence[Adoption], pipelines: Steps, remarks: Sequence[str]
) -> AdoptReport:
    """Return what would be done; the models are not opened."""
    present = present_entries(request.config, "models")
    new = {one.name: one.entry() for one in models if one.name not in present}
    steps = _new_pipelines(request, pipelines)
    text = added_text(request.config, new, steps, plugins) if new or steps else ""
    for one in models:
        found = one.candidate.found
        one.report.add("find", f"{found.kind or 'a model'}, {found.task or 'no known task'}, opened by {one.candidate.backend}")
        one.report.add("write", f"would be added to {request.config}" if one.name in new else f"{request.config} has it")
        state = "done by an earlier run" if one.progress.done("export") else "would be exported, proved and measured"
        one.report.add("export", state if one.candidate.exports else "is in a model repository already")
    step = request.command or f"turnout adopt {shlex.quote(request.source)}"
    reports = [one.report for one in models]
    return AdoptReport(request.source, str(request.config), True, reports, tuple(pipelines), remarks, text, step)


def _choose_pipelines(plugins: Plugins, request: AdoptRequest, models: Sequence[Adoption], pipelines: Steps) -> Steps:
    """Return the pipelines that run on the user's files or on examples; keep what they send for the proof."""
    earlier = models[0].progress.done(_STAGE) or {}
    if all(one.progress.done("export") for one in models) and earlier.get("steps") == pipelines:
        for name, text in earlier["ran"].items():
            _report(models, pipelines[name], f"{name}: {text}", "kept")
        return pipelines
    entries = {one.name: one.entry() for one in models}
    chosen: dict[str, Sequence[Any]] = {}
    done: dict[str, str] = {}
    for name, steps in pipelines.items():
        trial = _try(plugins, request, entries, name, steps)
        _report(models, steps, f"{name}: {trial.text}" if trial.works else f"{name} was left out: {trial.text}", trial.word)
        if trial.works:
            chosen[name], done[name] = steps, trial.text
        else:
            ways = (
                f"give the same command its option as --set OPTION=JSON, or write under pipelines: {name}: {flow_text(steps)}"
            )
            _report(models, steps, f"to have it, {ways}", "note")
        for one in models:
            one.sent = one.sent or trial.sent.get(one.name, ())
    models[0].progress.add(_STAGE, {"ran": done, "steps": chosen})
    return chosen


def _try(plugins: Plugins, request: AdoptRequest, entries: Mapping[str, Any], name: str, steps: Sequence[Any]) -> PipelineTrial:
    try:
        return try_pipeline(plugins, request, load_entries(plugins, request.folder, entries, {name: steps}), name)
    except TurnoutError as error:
        return PipelineTrial(str(error), works=False)


def _report(models: Sequence[Adoption], steps: Sequence[Any], text: str, word: str) -> None:
    """Add ``text`` to the report of each model that one of ``steps`` names."""
    for one in models:
        if _names(steps, one.name):
            one.report.add("pipeline", text, word=word)


def _names(value: Any, model: str) -> bool:
    """Return whether a text in ``value`` is the name of ``model``."""
    if isinstance(value, Mapping):
        return any(_names(inner, model) for inner in value.values())
    return any(_names(inner, model) for inner in value) if isinstance(value, list | tuple) else value == model


def _new_pipelines(request: AdoptRequest, pipelines: Steps) -> Steps:
    there = present_entries(request.config, "pipelines")
    return {name: steps for name, steps in pipelines.items() if name not in there}


def _write(plugins: Plugins, request: AdoptRequest, models: Sequence[Adoption], pipelines: Steps) -> str:
    """Add to turnout.yaml what it does not have; return the names of that."""
    present = present_entries(request.config, "models")
    new, steps = {one.name: one.entry() for one in models if one.name not in present}, _new_pipelines(request, pipelines)
    if new or steps:
        add_to_file(request.config, new, steps, plugins)
    for one in models:
        mine = [name for name, value in steps.items() if _names(value, one.name)]
        text = f"{request.config}: model {one.name}{''.join(f', pipeline {name}' for name in mine)}"
        is_new = one.name in new or bool(mine)
        one.report.add("write", text if is_new else f"{request.config} has model {one.name}", word="ok" if is_new else "kept")
    return ", ".join([*new, *steps])
