"""A pipeline whose models are on chosen backends, open and warmed up."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from turnout.commands.bench.arms import ArmChoice, compose_arm
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.subject import Subject
from turnout.commands.bench.targets import PipelineTarget
from turnout.commands.pipeline_examples import examples_of
from turnout.commands.pipeline_files import file_input
from turnout.commands.record_files import expand_folders
from turnout.errors import ConfigurationError, InvalidInputError, TurnoutError, count_of, unknown_name
from turnout.metrics import Metrics
from turnout.pipeline import Pipeline
from turnout.plugins.discovery import Plugins
from turnout.serving.executor import AppThreads
from turnout.serving.pipelines import Pipelines
from turnout.settings import LoadedSettings

logger = logging.getLogger(__name__)

NamedInputs = tuple[str, Mapping[str, Any]]


def open_pipeline(plugins: Plugins, loaded: LoadedSettings, name: str, options: BenchOptions, stack: ExitStack) -> Subject:
    """Return the pipeline ``name`` as it is, and with its models on the backends of ``options``; blocks.

    A model that has no such backend stays on its own. Each arm has run once on the first inputs by then, so that its models
    are open. ``stack`` closes them. Requests go straight to an arm of each model, without circuit or fallback.

    Raises:
        InvalidInputError: the inputs of the pipeline are neither given nor known to its steps.
        TurnoutError: a model cannot be opened, or the first run fails.
    """
    arms: dict[ArmChoice, Pipeline] = {}
    for backend in (None, *dict.fromkeys(options.against)):
        pipeline = _compose(plugins, loaded, name, backend, stack)
        used = _backends(loaded, pipeline, backend)
        choice = ArmChoice("+".join(used))
        if backend is not None and (backend not in used or choice in arms):
            raise _no_such_arm(loaded, pipeline, backend, choice, same=backend in used)
        arms[choice] = pipeline
    inputs, source = find_inputs(next(iter(arms.values())), options)
    targets = {choice: PipelineTarget(pipeline, inputs) for choice, pipeline in arms.items()}
    logger.info("warming up pipeline %r", name)
    for target in targets.values():
        target.send(0, time.monotonic() + options.timeout)
    return Subject("pipeline", name, source, len(inputs), targets)


def find_inputs(pipeline: Pipeline, options: BenchOptions) -> tuple[Sequence[NamedInputs], str]:
    """Return the inputs of each run, with a name: of each file of ``options``, else the examples of the steps; and the source.

    Raises:
        InvalidInputError: no step has an example of an input that is not given.
        PipelineWiringError: the files are not the pipeline's only missing input.
    """
    if options.files:
        name = file_input(pipeline, options.values)
        files = expand_folders(options.files)
        inputs = [(str(file), {**options.values, name: file}) for file in files]
        return inputs, f"{count_of(len(files), 'file')} of {', '.join(map(str, options.files))}"
    examples = {**examples_of(pipeline), **options.values}
    missing = [name for name in pipeline.plan.inputs if name not in examples]
    if missing:
        raise InvalidInputError(
            f"pipeline {pipeline.name!r} needs {', '.join(map(repr, missing))}, of which no step has an example; "
            "give files, or --set NAME=VALUE",
            next_step="give the same command a file for each run, or --set NAME=VALUE",
        )
    wanted = {*pipeline.plan.inputs, *options.values}
    return [("example", {name: value for name, value in examples.items() if name in wanted})], "examples of its steps"


def _compose(plugins: Plugins, loaded: LoadedSettings, name: str, backend: str | None, stack: ExitStack) -> Pipeline:
    models = {
        model.name: compose_arm(plugins, model, _backend_of(loaded, model.name, backend), stack).inference
        for model in loaded.models.values()
    }
    threads = AppThreads(loaded.settings.executor_threads)
    stack.callback(threads.close)
    return Pipelines(loaded, plugins, models, Metrics(), threads).get(name)


def _backend_of(loaded: LoadedSettings, model: str, backend: str | None) -> str:
    view = loaded.model(model)
    return backend if backend is not None and backend in view.settings.backends else view.backend


def _backends(loaded: LoadedSettings, pipeline: Pipeline, backend: str | None) -> list[str]:
    """Return the backends of the pipeline's models, each once, in the order of its steps."""
    models = [step.model for step in pipeline.plan.steps.values() if step.model is not None]
    return list(dict.fromkeys(_backend_of(loaded, model, backend) for model in models)) or ["none"]


def _no_such_arm(loaded: LoadedSettings, pipeline: Pipeline, backend: str, choice: ArmChoice, *, same: bool) -> TurnoutError:
    """Return the error for a backend that no model of the pipeline has, or that all of them are on already."""
    name = pipeline.name
    where = loaded.where("pipelines", name)
    models = {step.model for step in pipeline.plan.steps.values() if step.model is not None}
    known = dict.fromkeys(other for model in sorted(models) for other in loaded.model(model).settings.backends)
    if not same:
        return unknown_name("backend", backend, known, f"for the models of pipeline {name!r}. In {where}.")
    return ConfigurationError(
        f"pipeline {name!r} runs on {choice.backend!r}, which cannot be compared with itself; its models have: "
        f"{', '.join(known)}. In {where}.",
        next_step=f"leave --against {backend} out",
    )
