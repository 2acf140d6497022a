"""The app: models and pipelines assembled from turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from turnout.forking import Forks
from turnout.health import Health
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.pipeline import Pipeline, PipelineResult
from turnout.plugins.discovery import Plugins
from turnout.serving.arms import Arms
from turnout.serving.chosen_arms import ChosenArms, check_backend
from turnout.serving.composition import Composer
from turnout.serving.concurrency import count_runs, waits_for_nothing
from turnout.serving.executor import AppThreads
from turnout.serving.health.collection import HealthCheck
from turnout.serving.model import Model
from turnout.serving.pipelines import Pipelines, merge_inputs
from turnout.serving.port.port import Port
from turnout.serving.port.routes import app_port
from turnout.serving.reload import Reloaded, Reloader
from turnout.serving.roles import ReportedRoles
from turnout.serving.version_roll import VersionRoll
from turnout.settings import LoadedSettings, load_settings
from turnout.settings.loaded import LoadedModel
from turnout.tracing.switch import find_tracer


class Turnout:
    """Named models and pipelines. Thread-safe; a context manager, which closes it.

    A model or pipeline opens at its first use; a model with ``preload: true`` opens with the app.

    Attributes:
        models: every model of the file, by name.
        metrics: the metrics of this app.
    """

    def __init__(self, loaded: LoadedSettings, plugins: Plugins, metrics: Metrics) -> None:
        self._loaded, self._plugins = loaded, plugins
        tracer = find_tracer(asked=loaded.settings.tracing)
        # One pool for all models: a fan-out of many requests shares it with other runs instead of multiplying threads.
        self._threads = AppThreads(loaded.settings.executor_threads, metrics, tracer.carried if tracer else None)
        arms = Arms(plugins, metrics, self._threads, tracer)
        self._composer = Composer(arms, metrics, tracer)
        self.metrics = metrics
        metrics.watch_gpus(asked=loaded.settings.metrics.gpu)
        self.models: Mapping[str, Model] = {name: self._build_model(model) for name, model in loaded.models.items()}
        self._pipelines = Pipelines(loaded, plugins, self.models, metrics, self._threads, tracer)
        load, refresh = partial(load_settings, registry=plugins), lambda name: self.models[name].refresh()
        roll = VersionRoll(arms, self._adopt).roll
        self._reloader = Reloader(loaded, load, self._adopt, refresh, roll, meter=metrics.settings.meter())
        self._chosen = ChosenArms(self._composer.deploy_arm, self._reloader.model, self._threads.checks)
        self._roles = ReportedRoles(loaded.models.values(), metrics)
        self._health = HealthCheck(self.models, self._reloader.model)
        self._port: Port | None = None

    @property
    def file(self) -> Path | None:
        """The settings file; None if the settings are a mapping."""
        return self._loaded.folder / Path(self._loaded.source).name if self._loaded.source else None

    def model(self, name: str) -> Model:
        """Return the model called ``name``.

        Raises:
            UnknownNameError: the file has no such model.
        """
        return self.models[self._loaded.model(name).name]

    def max_batch_size(self, model: str) -> int:
        """Return the most rows of one request, as the file has it now; 0 without a batch axis. Raises as ``model``."""
        return self._reloader.model(self.model(model).name).settings.max_batch_size

    def waits_for_nothing(self, model: str) -> bool:
        """Return whether ``infer`` of an open model only computes: no server, other backend, recording, instance or delay.

        Raises as ``model``.
        """
        return waits_for_nothing(self._reloader.model(self.model(model).name), self._plugins)

    def arm(self, model: str, backend: str) -> ModelInference:
        """Return ``model`` on ``backend`` alone, for a comparison; the caller closes it.

        Raises:
            UnknownNameError: the file has no such model, or the model no such backend.
        """
        self.model(model)
        loaded = self._reloader.model(model)
        check_backend(loaded, backend)
        return self._composer.arm(loaded, backend)

    def backends(self, model: str) -> tuple[str, ...]:
        """Return the backends that ``model`` can run on here, the one that serves first. Raises as ``model``."""
        loaded = self._reloader.model(self.model(model).name)
        return tuple(sorted(loaded.options, key=lambda backend: backend != loaded.backend))

    def missing_backends(self, model: str) -> Mapping[str, str]:
        """Return why ``model`` cannot run here on some backends of the file, by backend. Raises as ``model``."""
        loaded = self._reloader.model(self.model(model).name)
        missing = [backend for backend in loaded.settings.backends if backend not in loaded.options]
        return {backend: self._plugins.why_missing("backend", backend) for backend in missing}

    def pipeline(self, name: str, *, backends: Mapping[str, str] | None = None) -> Pipeline:
        """Return the pipeline called ``name``; its steps are created at the first call.

        Args:
            name: the pipeline's name.
            backends: for a comparison, a backend for each model by name that must run on another one. That arm alone answers
                then, without canary, shadow and fallback; it opens at its first use and closes with the app. Runs of such a
                pipeline count as requests of the arm, and not as runs of the pipeline.

        Raises:
            UnknownNameError: the file has no such pipeline, the pipeline no such model, or the model no such backend.
            PipelineWiringError: its steps cannot work in this order.
            StepError: a step cannot be created.
        """
        Forks.notice()
        if not backends:
            return self._pipelines.get(name)
        return self._pipelines.get_on(name, backends, self._chosen.get)

    def runs_at_once(self, pipeline: str) -> int:
        """Return how many runs of a pipeline at once keep this machine, or the servers of its models, at work.

        One for each core, two at least; or two batches of a model whose backend merges requests itself, if those are more.
        Raises as ``pipeline``.
        """
        return count_runs(self.pipeline(pipeline).plan, self.models, self._loaded, self._plugins)

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The names of the file's pipelines."""
        return self._pipelines.names

    def run(
        self,
        pipeline: str,
        /,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout_seconds: float | None = None,
        **more: Any,
    ) -> PipelineResult:
        """Run a pipeline on named inputs and return the values of its steps; blocks.

        Args:
            pipeline: the pipeline's name.
            inputs: inputs by name, whatever they are called.
            timeout_seconds: for the whole run; None means no limit.
            **more: inputs by name, but for the names ``inputs`` and ``timeout_seconds``.

        Raises:
            TurnoutError: as ``Pipeline.run`` and ``pipeline``.
        """
        return self.pipeline(pipeline).run(merge_inputs(pipeline, inputs, more), timeout_seconds=timeout_seconds)

    async def arun(
        self,
        pipeline: str,
        /,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout_seconds: float | None = None,
        **more: Any,
    ) -> PipelineResult:
        """Run a pipeline as ``run`` does, without blocking the event loop: steps run in threads, requests are awaited."""
        return await self.pipeline(pipeline).arun(merge_inputs(pipeline, inputs, more), timeout_seconds=timeout_seconds)

    def health(self, *, timeout_seconds: float = 1.0) -> Health:
        """Return what serves each model and whether it answers; opens nothing, and blocks for ``timeout_seconds`` at most."""
        return self._health.health(timeout_seconds)

    def metrics_text(self) -> str:
        """Return this app's metrics in Prometheus' text format."""
        Forks.notice()
        return self.metrics.render()

    def listen(self) -> None:
        """Answer ``/metrics`` and ``/health`` on ``metrics.port`` of the file, until ``close``; do nothing if it names none.

        Raises:
            ConfigurationError: nothing can listen there. A worker of gunicorn or uvicorn waits until it can.
        """
        if self._port is None and (port := app_port(self, self._loaded)) is not None:
            self._port = port
            port.open()

    def preload(self) -> None:
        """Open every model with ``preload: true``; blocks."""
        with self._health.starting():
            for name in [name for name, settings in self._loaded.settings.models.items() if settings.preload]:
                self.models[name].open()

    def reload(self) -> Reloaded:
        """Read the file again and serve every model by its new settings; blocks while new arms open.

        A model of a model repository on this machine is opened again from a version that has appeared.
        Requests in flight end on the arm where they started. Raises as ``Reloader.reload``; a model that cannot be opened with
        its new settings is served by the old ones.
        """
        return self._reloader.reload()

    def watch(self) -> None:
        """Reload whenever the file changes, until ``close``; a wrong file is logged and changes nothing.

        A new version in a model repository on this machine is opened when its files are complete; one that cannot be opened is
        logged, and the version before keeps serving.
        """
        self._reloader.watch()

    def close(self) -> None:
        """Close every model and end the threads. Runs in progress end with ClosedError."""
        self._health.close()
        # In this order: a reload must not open a model again, and running calls end before their models close.
        self._reloader.close()
        self._threads.close()
        # A stack, so that a model whose backend fails to close leaves no other model open.
        with ExitStack() as closing:
            if self._port is not None:
                closing.callback(self._port.close)
            # In the multi-process mode other processes read the files, also after this one has ended.
            closing.callback(self.metrics.fold)
            closing.callback(self._roles.close)
            # Closed after the models, which the stack closes first: their fallbacks may be the same arms.
            closing.callback(self._chosen.close)
            for model in self.models.values():
                closing.callback(model.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _build_model(self, model: LoadedModel) -> Model:
        return Model(model.name, model.backend, partial(self._composer.deploy, model), self._threads.checks)

    def _adopt(self, model: LoadedModel, prepare: bool) -> None:  # noqa: FBT001  # Reloader's signature
        self.models[model.name].replace(model.backend, partial(self._composer.deploy, model), prepare=prepare)
        self._chosen.adopt(model)
        self._roles.report(model)
