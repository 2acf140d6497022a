"""Arms: one model on one backend each, with its own circuit, limits and metrics."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, suppress
from functools import partial

from turnout.errors import ModelLoadError, TurnoutError, one_line
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.lazy import Lazy
from turnout.middleware.load_shedder import LoadShedder
from turnout.middleware.meter import Meter
from turnout.middleware.outage_log import OutageLog
from turnout.middleware.retry import Retry
from turnout.plugins.discovery import Plugins
from turnout.resilience.circuit_state import CircuitPolicy
from turnout.serving.arm_identity import arm_identity
from turnout.serving.shared_arms import SharedArms
from turnout.serving.warmup import recorded_request, warm_up
from turnout.settings.loaded import LoadedModel
from turnout.shown_text import shown_cause

logger = logging.getLogger(__name__)


class Arms:
    """Builds arms from settings. An arm opens its model at the first call. Thread-safe."""

    def __init__(self, plugins: Plugins, metrics: Metrics) -> None:
        self._plugins = plugins
        self._metrics = metrics
        # Engines are shared on their own: a changed circuit_breaker or max_in_flight must not open the model again.
        self._engines = SharedArms()
        self._guarded = SharedArms()

    def engine(self, model: LoadedModel, backend: str) -> ModelInference:
        """Return ``model`` on ``backend`` with metrics and translated errors only; the caller closes it."""
        lazy = Lazy(model.name, partial(self._open, model, backend))
        return Meter(ErrorBoundary(lazy, model.name, backend), self._metrics.requests(model.name, backend))

    def lease(self, model: LoadedModel, backend: str, resources: ExitStack) -> ModelInference:
        """Return ``model`` on ``backend`` as live requests reach it, shared by equal settings.

        Closing ``resources`` releases it.
        """
        identity = (arm_identity(model, backend), _guards(model), self._needs_circuit(model, backend))
        return self._guarded.lease(model.name, backend, identity, partial(self._guard, model, backend), resources)

    def accepts_device_tensors(self, backend: str) -> bool:
        """Return whether the models of ``backend`` accept inputs on a GPU."""
        return self._plugins.backend(backend).device_tensors

    def _guard(self, model: LoadedModel, backend: str, resources: ExitStack) -> ModelInference:
        settings, meters, name = model.settings, self._metrics.resilience, model.name
        arm = self._engines.lease(
            name, backend, arm_identity(model, backend), partial(self._build_engine, model, backend), resources
        )
        # Nearest to the engine: a refusal by the shedder or the breaker says nothing new about the backend.
        arm = OutageLog(arm, name, backend)
        # The shedder is inside the breaker: a refusal is counted by neither the circuit nor the engine's meter.
        if settings.max_in_flight is not None:
            arm = LoadShedder(arm, name, backend, settings.max_in_flight, meters.shedding(name, backend))
        if self._needs_circuit(model, backend):
            policy = CircuitPolicy(**settings.circuit_breaker.model_dump()) if settings.circuit_breaker else CircuitPolicy()
            meter = meters.circuit(name, backend)
            # A circuit that a reload removes while it is open must not be reported as open forever.
            resources.callback(meter.closed)
            arm = CircuitBreaker(arm, name, backend, policy, meter, recorded=partial(recorded_request, model))
        # The retry is outside the breaker: each attempt counts, and an open circuit is not retried.
        if settings.retry is not None:
            arm = Retry(arm, settings.retry.budget_ratio, meters.retries(name, backend))
        return arm

    def _build_engine(self, model: LoadedModel, backend: str, resources: ExitStack) -> ModelInference:
        engine = self.engine(model, backend)
        resources.callback(engine.close)
        return engine

    def _needs_circuit(self, model: LoadedModel, backend: str) -> bool:
        # On a local engine without a replacement an open circuit would only fail requests that could succeed.
        settings = model.settings
        replaceable = settings.fallback is not None or settings.canary is not None
        return replaceable or settings.circuit_breaker is not None or self._plugins.backend(backend).remote

    def _open(self, model: LoadedModel, backend: str) -> ModelInference:
        # The load time includes the warm-up: that is what the first caller waits for.
        start = time.perf_counter()
        logger.info("opening model %r on backend %r", model.name, backend)
        opened = self._create(model, backend)
        try:
            if model.settings.warmup is not None:
                warm_up(opened, model, backend, model.settings.warmup)
        except BaseException:
            # The reason why it cannot serve matters; a failure to close it would hide that.
            with suppress(Exception):
                opened.close()
            raise
        seconds = time.perf_counter() - start
        self._metrics.observe_load(model.name, backend, seconds)
        logger.info("model %r: open on backend %r after %.1f s", model.name, backend, seconds)
        return opened

    def _create(self, model: LoadedModel, backend: str) -> ModelInference:
        try:
            created: object = self._plugins.backend(backend).create(model.declaration, model.options[backend])
        except TurnoutError as error:
            error.locate(model.name, backend)
            raise
        # Remote code of a checkpoint may exit, which would end the caller's thread.
        except (Exception, SystemExit) as error:  # noqa: BLE001  # raised again, as a TurnoutError
            raise _load_error(model, backend, one_line(error)) from shown_cause(error)
        # Checked here, where the message can name the plugin; later it would be an AttributeError of some middleware.
        if not isinstance(created, ModelInference):
            raise _load_error(
                model,
                backend,
                f"its plugin returned {type(created).__name__}, not a turnout.ModelInference; fix create of the backend",
            )
        return created


def _guards(model: LoadedModel) -> object:
    settings = model.settings
    return settings.circuit_breaker, settings.retry, settings.max_in_flight


def _load_error(model: LoadedModel, backend: str, reason: str) -> ModelLoadError:
    text = f"model {model.name!r} cannot be opened on backend {backend!r}: {reason}. {model.where}".rstrip()
    return ModelLoadError(text, model=model.name, backend=backend)
