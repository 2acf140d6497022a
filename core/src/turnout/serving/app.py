"""The app: assembles models and pipelines from turnout.yaml, opens them, closes them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from turnout.errors import StepError, TurnoutError, one_line, unknown_name
from turnout.inference import ModelInference
from turnout.metrics import LATENCY_BUCKETS_SECONDS, Metrics, shared_metrics
from turnout.pipeline import Pipeline, PipelineResult, PipelineStep, plan_pipeline
from turnout.plugins.declarations import Step, StepDeclaration
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.serving.arms import Arms
from turnout.serving.composition import Composer
from turnout.serving.executor import InferenceExecutor
from turnout.serving.model import Model
from turnout.serving.reload import Reloaded, Reloader
from turnout.settings import LoadedSettings, load_settings


class Turnout:
    """Named models and pipelines. Thread-safe; usable as a context manager, which closes it.

    Nothing heavy is opened before a model or pipeline is first used, except models with ``preload: true``.

    Attributes:
        models: every model of the file, by name.
        metrics: what this app counts into.
    """

    def __init__(self, loaded: LoadedSettings, plugins: Plugins, metrics: Metrics) -> None:
        self._loaded = loaded
        self._plugins = plugins
        self._executor = InferenceExecutor(loaded.settings.executor_threads)
        self._composer = Composer(Arms(plugins, metrics), metrics)
        self._pipelines: dict[str, Pipeline] = {}
        self._lock = threading.Lock()
        self.metrics = metrics
        self.models: Mapping[str, Model] = {name: self._model(name) for name in loaded.settings.models}
        self._reloader = Reloader(loaded, self._load_again, self._adopt)

    def model(self, name: str) -> Model:
        """Return the model called ``name``.

        Raises:
            UnknownNameError: the file has no such model.
        """
        if name not in self.models:
            raise unknown_name("model", name, self.models, self._place())
        return self.models[name]

    def arm(self, model: str, backend: str) -> ModelInference:
        """Return ``model`` on ``backend``, whatever serves it now, for comparing; the caller closes it.

        Raises:
            UnknownNameError: the file has no such model, or the model no such backend.
        """
        self.model(model)
        entries = self._reloader.settings_of(model).settings.models[model].backends
        if backend not in entries:
            raise unknown_name("backend", backend, entries, f"for model {model!r}. {self._place()}".strip())
        return self._composer.arm(model, backend, self._reloader.settings_of(model))

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline called ``name``; its steps are made at the first call.

        Raises:
            UnknownNameError: the file has no such pipeline.
            PipelineError: its steps cannot work in this order.
            StepError: a step cannot be made.
        """
        if name not in self._loaded.settings.pipelines:
            raise unknown_name("pipeline", name, self._loaded.settings.pipelines, self._place())
        with self._lock:
            if name not in self._pipelines:
                self._pipelines[name] = self._assemble(name)
            return self._pipelines[name]

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The names of the file's pipelines."""
        return tuple(self._loaded.settings.pipelines)

    def run(self, pipeline: str, *, timeout_seconds: float | None = None, **inputs: Any) -> PipelineResult:
        """Run a pipeline on named inputs and return what its steps wrote; blocks.

        Raises:
            TurnoutError: as ``Pipeline.run`` and ``pipeline``.
        """
        return self.pipeline(pipeline).run(inputs, timeout_seconds=timeout_seconds)

    async def arun(self, pipeline: str, *, timeout_seconds: float | None = None, **inputs: Any) -> PipelineResult:
        """Do what ``run`` does without blocking the event loop."""
        return await self.pipeline(pipeline).arun(inputs, timeout_seconds=timeout_seconds)

    def metrics_text(self) -> str:
        """Return this app's metrics in Prometheus' text format."""
        return self.metrics.render()

    def preload(self) -> None:
        """Open every model with ``preload: true``; blocks."""
        for name, settings in self._loaded.settings.models.items():
            if settings.preload:
                self.models[name].open()

    def reload(self) -> Reloaded:
        """Read the file again and serve every model as it says now; blocks while new arms open.

        What is under way ends on the arm where it began. Raises as ``Reloader.reload``: then what could not change is served as
        before.
        """
        return self._reloader.reload()

    def watch(self) -> None:
        """Reload whenever the file changes, until ``close``; a file that is wrong is logged and changes nothing."""
        self._reloader.watch()

    def close(self) -> None:
        """Close every model, then end the threads. Runs that are under way end with ClosedError."""
        self._reloader.close()
        self._executor.close()
        for model in self.models.values():
            model.close()
        self.metrics.fold()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _model(self, name: str) -> Model:
        backend = self._loaded.settings.backend_of(name)
        return Model(name, backend, partial(self._composer.model, name, self._loaded), self._executor)

    def _load_again(self) -> LoadedSettings:
        return load_settings(self._loaded.folder / Path(self._loaded.source).name, registry=self._plugins)

    def _adopt(self, loaded: LoadedSettings, model: str, prepare: bool) -> None:  # noqa: FBT001  # what Reloader calls
        compose = partial(self._composer.model, model, loaded)
        self.models[model].replace(loaded.settings.backend_of(model), compose, prepare=prepare)

    def _make_step(self, declaration: StepDeclaration, kind: Step[Any]) -> PipelineStep:
        options = self._loaded.step_options[declaration.pipeline, declaration.name]
        try:
            return kind.create(declaration, options)
        except TurnoutError:
            raise
        except Exception as error:
            raise StepError(
                f"step {declaration.name!r} of pipeline {declaration.pipeline!r} cannot be made: {one_line(error)}. "
                f"{self._loaded.where('pipelines', declaration.pipeline)}"
            ) from error

    def _place(self) -> str:
        return f"In {self._loaded.source}." if self._loaded.source else ""

    def _assemble(self, name: str) -> Pipeline:
        loaded = self._loaded
        steps = {}
        for step_name, step in loaded.settings.steps_of(name).items():
            kind = self._plugins.step(step.kind)
            declaration = StepDeclaration(step_name, name, loaded.folder, _readable(loaded, kind.model_options))
            steps[step_name] = self._make_step(declaration, kind)
        for step_name, made in steps.items():
            if made.model is not None and made.model not in self.models:
                raise unknown_name("model", made.model, self.models, f"In step {step_name!r} of pipeline {name!r}.")
        plan = plan_pipeline(name, steps)
        meter = self.metrics.pipeline(name, plan.parts)
        return Pipeline(name, plan, self.models, submit=self._executor.submit, observer=meter)


def _readable(loaded: LoadedSettings, names: Collection[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the options called ``names`` of each model and backend; a step never sees a neighbour's secrets."""
    return {
        model: {backend: {name: options[name] for name in names if name in options} for backend, options in backends.items()}
        for model, backends in loaded.written_options.items()
    }


def open(  # turnout.open reads as it should
    source: str | Path | Mapping[str, Any] = "turnout.yaml",
    *,
    plugins: Plugins | None = None,
    metrics: Metrics | None = None,
    watch: bool = False,
) -> Turnout:
    """Return the app that a turnout.yaml, or a dict of the same shape, describes; the caller closes it.

    Args:
        source: the file, or its contents as a dict.
        plugins: plugins to use instead of those installed.
        metrics: metrics of its own instead of those that the process shares.
        watch: reload the file whenever it changes.

    Raises:
        SettingsError: everything that is wrong in ``source``.
        PluginError: a plugin is missing, broken or in conflict.
    """
    app = assemble(source, plugins=plugins, metrics=metrics)
    try:
        app.preload()
        if watch:
            app.watch()
    except BaseException:
        app.close()
        raise
    return app


def assemble(
    source: str | Path | Mapping[str, Any] = "turnout.yaml",
    *,
    plugins: Plugins | None = None,
    metrics: Metrics | None = None,
) -> Turnout:
    """Do what ``open`` does, but open no model, not even one with ``preload: true``."""
    plugins = plugins or find_plugins()
    loaded = load_settings(source, registry=plugins)
    buckets = loaded.settings.metrics.latency_buckets_seconds or LATENCY_BUCKETS_SECONDS
    return Turnout(loaded, plugins, metrics or shared_metrics(tuple(buckets)))
