"""The arms of an app: one model on one backend each, with a queue and metrics of its own."""

from __future__ import annotations

import time
from functools import partial

from turnout.errors import ModelLoadError, TurnoutError, one_line
from turnout.hookspecs import ModelDeclaration
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.lazy import Lazy
from turnout.middleware.meter import ExecutionMetering, RequestMetering
from turnout.plugins import Plugins
from turnout.settings import LoadedSettings


class Arms:
    """Makes arms. Nothing is opened before an arm is first asked; whoever gets one closes it."""

    def __init__(self, loaded: LoadedSettings, plugins: Plugins, metrics: Metrics) -> None:
        self._loaded = loaded
        self._plugins = plugins
        self._metrics = metrics

    def arm(self, model: str, backend: str) -> ModelInference:
        """Return ``model`` on ``backend``, as every request for it meets it."""
        lazy = Lazy(model, partial(self._open, self.declaration(model), backend))
        execution = ExecutionMetering(ErrorBoundary(lazy, model, backend), self._metrics.executions(model, backend))
        return RequestMetering(execution, self._metrics.requests(model, backend))

    def declaration(self, model: str) -> ModelDeclaration:
        """Return what turnout.yaml says of ``model``, whatever runs it."""
        return self._loaded.settings.models[model].declaration(model, self._loaded.folder)

    def takes_device_tensors(self, backend: str) -> bool:
        """Tell whether the models of ``backend`` take inputs on a GPU."""
        return self._plugins.backend(backend).device_tensors

    def _open(self, declaration: ModelDeclaration, backend: str) -> ModelInference:
        start = time.perf_counter()
        try:
            opened = self._plugins.backend(backend).create(declaration, self._loaded.backend_options[declaration.name, backend])
        except TurnoutError:
            raise
        except Exception as error:
            raise ModelLoadError(
                f"model {declaration.name!r} cannot be opened on backend {backend!r}: {one_line(error)}. "
                f"{self._loaded.where('models', declaration.name)}"
            ) from error
        self._metrics.observe_load(declaration.name, backend, time.perf_counter() - start)
        return opened
