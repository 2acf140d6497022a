"""The arms of an app: one model on one backend each, with a queue, a circuit and metrics of its own."""

from __future__ import annotations

import time
from functools import partial

from turnout.errors import ModelLoadError, TurnoutError, one_line
from turnout.inference import ModelInference, ModelSignature
from turnout.metrics import Metrics
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.lazy import Lazy
from turnout.middleware.load_shedder import LoadShedder
from turnout.middleware.meter import ExecutionMetering, RequestMetering
from turnout.middleware.retry import Retry
from turnout.middleware.tensor_check import TensorCheck
from turnout.plugins.declarations import ModelDeclaration
from turnout.plugins.discovery import Plugins
from turnout.recording import folder_of_model
from turnout.resilience.circuit import CircuitPolicy
from turnout.serving.arm_identity import arm_identity
from turnout.serving.shared_arms import SharedArms
from turnout.serving.warmup import warm_up
from turnout.settings import LoadedSettings, ModelSettings


class Arms:
    """Makes arms by settings. Nothing is opened before an arm is first asked; whoever gets one closes it. Thread-safe."""

    def __init__(self, plugins: Plugins, metrics: Metrics) -> None:
        self._plugins = plugins
        self._metrics = metrics
        self._engines = SharedArms()
        self._guards = SharedArms()

    def plain(self, loaded: LoadedSettings, model: str, backend: str) -> ModelInference:
        """Return ``model`` on ``backend``: opened at the first use, translated, metered."""
        declaration = loaded.settings.models[model].declaration(model, loaded.folder)
        lazy = Lazy(model, partial(self._open, loaded, declaration, backend))
        execution = ExecutionMetering(ErrorBoundary(lazy, model, backend), self._metrics.executions(model, backend))
        return RequestMetering(execution, self._metrics.requests(model, backend))

    def guarded(self, loaded: LoadedSettings, model: str, backend: str) -> ModelInference:
        """Return ``model`` on ``backend`` as live requests meet it; what asks for the same arm shares it."""
        settings = loaded.settings.models[model]
        guards = (settings.circuit_breaker, settings.retry, settings.max_in_flight, self._may_break(settings, backend))
        identity = (arm_identity(loaded, model, backend), guards)
        return self._guards.lease(model, backend, identity, lambda: self._guard(loaded, model, backend))

    def takes_device_tensors(self, backend: str) -> bool:
        """Tell whether the models of ``backend`` take inputs on a GPU."""
        return self._plugins.backend(backend).device_tensors

    def _guard(self, loaded: LoadedSettings, model: str, backend: str) -> ModelInference:
        settings, meters = loaded.settings.models[model], self._metrics.resilience
        # Shared on its own: another guard around it does not open the model again.
        identity = arm_identity(loaded, model, backend)
        arm = self._engines.lease(model, backend, identity, lambda: self.plain(loaded, model, backend))
        if settings.max_in_flight is not None:
            arm = LoadShedder(arm, model, backend, settings.max_in_flight, meters.shedding(model, backend))
        if self._may_break(settings, backend):
            policy = CircuitPolicy(**settings.circuit_breaker.model_dump()) if settings.circuit_breaker else CircuitPolicy()
            arm = CircuitBreaker(arm, model, backend, policy, meters.circuit(model, backend))
        if settings.retry is not None:
            arm = Retry(arm, settings.retry.budget_ratio, meters.retries(model, backend))
        return arm

    def _may_break(self, settings: ModelSettings, backend: str) -> bool:
        """Tell whether an arm has a circuit: one in this process, with none to take its place, would only fail faster."""
        replaceable = settings.fallback is not None or settings.canary is not None
        return replaceable or settings.circuit_breaker is not None or self._plugins.backend(backend).remote

    def _open(self, loaded: LoadedSettings, declaration: ModelDeclaration, backend: str) -> ModelInference:
        start = time.perf_counter()
        try:
            opened = self._plugins.backend(backend).create(declaration, loaded.backend_options[declaration.name, backend])
        except TurnoutError:
            raise
        except Exception as error:
            raise ModelLoadError(
                f"model {declaration.name!r} cannot be opened on backend {backend!r}: {one_line(error)}. "
                f"{loaded.where('models', declaration.name)}"
            ) from error
        self._warm_up(loaded, opened, declaration, backend)
        self._metrics.observe_load(declaration.name, backend, time.perf_counter() - start)
        return opened

    def _warm_up(self, loaded: LoadedSettings, opened: ModelInference, declaration: ModelDeclaration, backend: str) -> None:
        settings = loaded.settings.models[declaration.name].warmup
        if settings is None:
            return
        folder = folder_of_model(loaded.folder / settings.recorded, declaration.name)
        try:
            warm_up(checked(opened, declaration), declaration.name, backend, folder, settings.requests)
        except BaseException:
            opened.close()
            raise


def checked(inner: ModelInference, declaration: ModelDeclaration, *, device_tensors: bool = False) -> ModelInference:
    """Return ``inner`` behind a check of its requests against what turnout.yaml declares, or what it says itself."""
    declared = ModelSignature(declaration.inputs, declaration.outputs)
    return TensorCheck(inner, declaration.name, declared, declaration.max_batch_size, device_tensors=device_tensors)
