"""Pipelines built from settings: steps created by their plugins, in an order that was checked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from turnout.errors import PipelineWiringError, StepError, TurnoutError, one_line, unknown_name
from turnout.forking import Forks
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.metrics.labels import PipelineOutcome, StepFailureReason
from turnout.pipeline import Pipeline, PipelineObserver, PipelinePlan, PipelineStep, plan_pipeline
from turnout.pipeline.plan import named_inputs
from turnout.pipeline.spans import RunSpans
from turnout.plugins.declarations import Step, StepDeclaration
from turnout.plugins.discovery import Plugins
from turnout.serving.executor import AppThreads
from turnout.settings import LoadedSettings

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class Pipelines:
    """The pipelines of an app, each built at its first use. Thread-safe: ``_built`` is under ``_lock``."""

    def __init__(
        self,
        loaded: LoadedSettings,
        plugins: Plugins,
        models: Mapping[str, ModelInference],
        metrics: Metrics,
        threads: AppThreads,
        tracer: Tracer | None = None,
    ) -> None:
        self._loaded = loaded
        self._plugins = plugins
        self._models = models
        self._metrics = metrics
        self._threads = threads
        self._tracer = tracer
        self._lock = threading.Lock()
        self._built: dict[str, Pipeline] = {}
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the file's pipelines."""
        return tuple(self._loaded.settings.pipelines)

    def get(self, name: str) -> Pipeline:
        """Return the pipeline called ``name``.

        Raises:
            UnknownNameError: the file has no such pipeline.
            PipelineWiringError: its steps cannot work in this order.
            StepError: a step cannot be created.
        """
        if name not in self._loaded.settings.pipelines:
            source = self._loaded.source
            raise unknown_name("pipeline", name, self._loaded.settings.pipelines, f"In {source}." if source else "")
        # Steps may read tokenizers from disk: two threads must not build the same pipeline twice.
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(name)
            return self._built[name]

    def get_on(self, name: str, backends: Mapping[str, str], arm: Callable[[str, str], ModelInference]) -> Pipeline:
        """Return the pipeline called ``name`` with ``arm(model, backend)`` for each of ``backends``; its runs are not counted.

        Raises:
            UnknownNameError: the pipeline has no such model; else as ``get`` and ``arm``.
        """
        plan = self.get(name).plan
        known = {step.model for step in plan.steps.values() if step.model is not None}
        for model in backends:
            if model not in known:
                raise unknown_name("model", model, sorted(known), f"In pipeline {name!r}.")
        chosen = {model: arm(model, backend) for model, backend in backends.items()}
        return self._assemble(name, plan, {**self._models, **chosen}, _ComparisonObserver())

    def _build(self, name: str) -> Pipeline:
        steps = {}
        for step_name, step in self._loaded.settings.steps_of(name).items():
            kind = self._plugins.step(step.kind)
            models = _select_options(self._loaded, kind.model_options)
            steps[step_name] = self._create(StepDeclaration(step_name, name, self._loaded.folder, models), kind)
        # After all steps are created: a step decides itself which model it calls, often from its options.
        for step_name, created in steps.items():
            if created.model is not None and created.model not in self._models:
                raise unknown_name("model", created.model, self._models, f"In step {step_name!r} of pipeline {name!r}.")
        plan = plan_pipeline(name, steps, self._plugins.step_providers())
        return self._assemble(name, plan, self._models, self._metrics.pipeline(name, plan.parts))

    def _assemble(
        self, name: str, plan: PipelinePlan, models: Mapping[str, ModelInference], observer: PipelineObserver
    ) -> Pipeline:
        submit, spans = self._threads.inference.submit, None if self._tracer is None else RunSpans(self._tracer, name)
        return Pipeline(name, plan, models, submit=submit, observer=observer, threads=self._threads.steps, spans=spans)

    def _create(self, declaration: StepDeclaration, kind: Step[Any]) -> PipelineStep:
        options = self._loaded.step_options[declaration.pipeline, declaration.name]
        try:
            step: object = kind.create(declaration, options)
        except TurnoutError:
            raise
        except (Exception, SystemExit) as error:
            raise self._step_error(declaration, one_line(error)) from error
        if not isinstance(step, PipelineStep):
            reason = f"its plugin returned {type(step).__name__}, not a turnout.PipelineStep; fix create of the step"
            raise self._step_error(declaration, reason)
        if mistake := _find_mistake(step):
            raise self._step_error(declaration, mistake)
        return step

    def _step_error(self, declaration: StepDeclaration, reason: str) -> StepError:
        name, pipeline = declaration.name, declaration.pipeline
        where = self._loaded.where("pipelines", pipeline)
        return StepError(f"step {name!r} of pipeline {pipeline!r} cannot be created: {reason}. {where}".rstrip())


class _ComparisonObserver:
    """Counts nothing: the runs of a comparison must not move the figures, and the alerts, of those that serve."""

    def count_run(self, outcome: PipelineOutcome) -> None:
        """Ignore the outcome."""

    def count_failure(self, step: str, reason: StepFailureReason) -> None:
        """Ignore the failure."""

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        """Ignore the seconds."""


def _find_mistake(step: PipelineStep) -> str:
    """Return a slip that Python accepts: a tuple without its comma, or a step that does nothing; empty if there is none."""
    for attribute in ("inputs", "optional_inputs", "needs", "provides"):
        names = getattr(step, attribute)
        if isinstance(names, str):
            return f"its {attribute} is the text {names!r}, not a tuple of names; write ({names!r},)"
    if step.model is None and type(step).process is PipelineStep.process:
        return "it has no model and no process, so it does nothing; set self.model, or override process"
    return ""


def _select_options(loaded: LoadedSettings, names: Collection[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the options called ``names`` of each model and backend; the others may hold secrets of other plugins."""
    return {
        model: {backend: {name: options[name] for name in names if name in options} for backend, options in backends.items()}
        for model, backends in loaded.written_options.items()
    }


def merge_inputs(pipeline: str, inputs: Mapping[str, Any] | None, more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs of a run, given as a mapping and by keyword.

    Raises:
        PipelineWiringError: one is given twice.
    """
    if inputs is None:
        return more
    if not more:
        return inputs  # the pipeline looks at it
    inputs = named_inputs(pipeline, inputs)
    twice = sorted(set(inputs) & set(more))
    if twice:
        raise PipelineWiringError(
            f"pipeline {pipeline!r} got input {twice[0]!r} twice, in the mapping and by keyword; give it once"
        )
    return {**inputs, **more}
