"""A pipeline whose models are on chosen backends, open and warmed up."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from turnout.commands.bench.arms import ArmChoice, compose_arm, merges_here
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.pipeline_arm import AnswerSums, NamedInputs, PipelineArm
from turnout.commands.bench.subject import Subject
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


def open_pipeline(plugins: Plugins, loaded: LoadedSettings, name: str, options: BenchOptions, stack: ExitStack) -> Subject:
    """Return the pipeline ``name`` as it is, and with its models on the backends of ``options``; blocks.

    A model that has no such backend stays on its own. Each arm has run once on the first inputs by then, so that its models
    are open. ``stack`` closes them. Requests go straight to an arm of each model, without circuit or fallback.

    Raises:
        InvalidInputError: the inputs of the pipeline are neither given nor known to its steps.
        TurnoutError: a model cannot be opened, or the first run fails.
    """
    arms = _compose_all(plugins, loaded, name, options, stack)
    inputs, source = find_inputs(next(iter(arms.values())).pipeline, options)
    benched = {choice: PipelineArm(plugins, one.pipeline, one.models, inputs) for choice, one in arms.items()}
    logger.info("warming up pipeline %r", name)
    for arm in benched.values():
        arm.target(None).send(0, time.monotonic() + options.timeout)
    counterparts = frozenset(choice for choice in arms if choice.batching is False)
    return Subject("pipeline", name, source, len(inputs), benched, counterparts)


@dataclass(frozen=True, slots=True)
class _Composed:
    """A pipeline with each model on one backend; ``models`` are those of its steps."""

    pipeline: Pipeline
    models: Sequence[AnswerSums]


def _compose_all(
    plugins: Plugins, loaded: LoadedSettings, name: str, options: BenchOptions, stack: ExitStack
) -> dict[ArmChoice, _Composed]:
    """Return the pipeline as it is, then on the other backends; each without batches too, if this process forms them."""
    arms: dict[ArmChoice, _Composed] = {}
    for backend in (None, *dict.fromkeys(options.against)):
        one = _compose(plugins, loaded, name, ArmChoice(backend or ""), stack)
        used = list(dict.fromkeys(model.arm.backend for model in one.models)) or ["none"]
        merging = options.compare_batching and any(_is_merged(plugins, model) for model in one.models)
        choice = ArmChoice("+".join(used), True if merging else None)
        if backend is not None and (backend not in used or choice in arms):
            raise _no_such_arm(loaded, one.pipeline, backend, choice, same=backend in used)
        arms[choice] = one
        if merging:
            arms[replace(choice, batching=False)] = _compose(plugins, loaded, name, ArmChoice(backend or "", False), stack)
    return arms


def _is_merged(plugins: Plugins, model: AnswerSums) -> bool:
    arm = model.arm
    return arm.model.settings.dynamic_batching is not None and merges_here(plugins, arm.model, arm.backend)


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
    examples = {**pipeline.plan.examples(), **options.values}
    missing = [name for name in pipeline.plan.inputs if name not in examples]
    if missing:
        raise InvalidInputError(
            f"pipeline {pipeline.name!r} needs {', '.join(map(repr, missing))}, of which no step has an example; "
            "give files, or --set NAME=VALUE",
            next_step="give the same command a file for each run, or --set NAME=VALUE",
        )
    wanted = {*pipeline.plan.inputs, *options.values}
    return [("example", {name: value for name, value in examples.items() if name in wanted})], "examples of its steps"


def _compose(plugins: Plugins, loaded: LoadedSettings, name: str, choice: ArmChoice, stack: ExitStack) -> _Composed:
    """Return the pipeline with each of its models on the backend of ``choice``, if it has that one."""
    models = {
        model.name: AnswerSums(
            compose_arm(
                plugins, model, choice.backend if choice.backend in model.settings.backends else model.backend, stack, choice
            )
        )
        for model in loaded.models.values()
    }
    metrics = Metrics()
    threads = AppThreads(loaded.settings.executor_threads, metrics)
    stack.callback(threads.close)
    pipeline = Pipelines(loaded, plugins, models, metrics, threads).get(name)
    used = dict.fromkeys(step.model for step in pipeline.plan.steps.values() if step.model is not None)
    return _Composed(pipeline, [models[model] for model in used])


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
