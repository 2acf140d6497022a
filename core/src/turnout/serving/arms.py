"""Arms: one model on one backend each, with its own circuit, limits and metrics."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from turnout.batching.rules import BatchRules, batch_rules
from turnout.errors import ModelLoadError
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.dynamic_batcher import DynamicBatcher
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.execution_span import ExecutionSpan
from turnout.middleware.lazy import Lazy
from turnout.middleware.load_shedder import LoadShedder
from turnout.middleware.meter import Meter
from turnout.middleware.offload import Offload
from turnout.middleware.outage_log import OutageLog
from turnout.middleware.retry import Retry
from turnout.plugins.discovery import Plugins
from turnout.resilience.circuit_state import CircuitPolicy
from turnout.resilience.late_work import LateWork
from turnout.serving.arm_identity import arm_identity
from turnout.serving.arm_reports import ArmReports
from turnout.serving.executor import AppThreads
from turnout.serving.opening import count_instances, open_model
from turnout.serving.shared_arms import SharedArms
from turnout.serving.traced_meters import traced_retries
from turnout.serving.version_folders import VersionFolders
from turnout.serving.warmup import recorded_request
from turnout.settings.loaded import LoadedModel

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class Arms:
    """Builds arms from settings. An arm opens its model at the first call. Thread-safe.

    Attributes:
        threads: the threads of the app, which its owner closes.
        folders: the version folders that leased arms were opened from.
    """

    def __init__(self, plugins: Plugins, metrics: Metrics, threads: AppThreads, tracer: Tracer | None = None) -> None:
        self._plugins = plugins
        self._metrics = metrics
        self.threads = threads
        self._tracer = tracer
        self._exemplar = tracer.exemplar if tracer else None
        self.folders = VersionFolders(plugins)
        # By model and backend, not by arm: what still runs on a backend does not end with the settings of its arm.
        self._late: dict[tuple[str, str], LateWork] = {}
        # Engines are shared on their own: a changed circuit_breaker or max_in_flight must not open the model again.
        self._engines = SharedArms()
        self._guarded = SharedArms()

    def engine(self, model: LoadedModel, backend: str) -> ModelInference:
        """Return ``model`` on ``backend`` with metrics and translated errors only; the caller closes it."""
        return self._plain(model, backend, _nothing)

    def _plain(self, model: LoadedModel, backend: str, on_open: Callable[[], object]) -> ModelInference:
        lazy, arm = self._lazy(model, backend, on_open), (model.name, backend)
        bounded = self._bounded(lazy, model, backend)
        offload = Offload(bounded, arm, self.threads.inference, self._late_work(*arm), lazy.awaits)
        return Meter(offload, self._metrics.requests(*arm, exemplar=self._exemplar))

    def queued_engine(self, model: LoadedModel, backend: str) -> ModelInference:
        """Return the engine of live requests, which share a queue in this process where they have one; the caller closes it."""
        queue = self._queue(model, backend)
        return self._batched(model, backend, *queue, _nothing) if queue else self.engine(model, backend)

    def lease(self, model: LoadedModel, backend: str, resources: ExitStack) -> ModelInference:
        """Return ``model`` on ``backend`` as live requests reach it, shared by equal settings.

        Closing ``resources`` releases it.
        """
        opened = (arm_identity(model, backend), self.folders.generation(model.name, backend))
        identity = (opened, _guards(model), self._needs_circuit(model, backend))
        return self._guarded.lease(model.name, backend, identity, partial(self._guard, model, backend, opened), resources)

    def accepts_device_tensors(self, backend: str) -> bool:
        """Return whether the models of ``backend`` accept inputs on a GPU."""
        return self._plugins.backend(backend).device_tensors

    def _guard(self, model: LoadedModel, backend: str, opened: object, resources: ExitStack) -> ModelInference:
        settings, meters, name = model.settings, self._metrics.resilience, model.name
        arm = self._engines.lease(name, backend, opened, partial(self._build_engine, model, backend), resources)
        # Nearest to the engine: a refusal by the shedder or the breaker says nothing new about the backend.
        arm = OutageLog(arm, name, backend)
        # The shedder is inside the breaker: a refusal is counted by neither the circuit nor the engine's meter.
        if settings.max_in_flight is not None:
            late = self._late_work(name, backend)
            arm = LoadShedder(arm, name, backend, settings.max_in_flight, meters.shedding(name, backend), late=late)
        if self._needs_circuit(model, backend):
            policy = CircuitPolicy(**settings.circuit_breaker.model_dump()) if settings.circuit_breaker else CircuitPolicy()
            meter = meters.circuit(name, backend)
            # A circuit that a reload removes while it is open must not be reported as open forever.
            resources.callback(meter.closed)
            recorded = partial(recorded_request, model)
            arm = CircuitBreaker(arm, name, backend, policy, meter, recorded=recorded, threads=self.threads.checks)
        # The retry is outside the breaker: each attempt counts, and an open circuit is not retried.
        if settings.retry is not None:
            retries = traced_retries(self._tracer, meters.retries(name, backend), backend)
            arm = Retry(arm, settings.retry.budget_ratio, retries)
        return arm

    def _late_work(self, model: str, backend: str) -> LateWork:
        # setdefault is atomic, so two threads get one object.
        count = self._metrics.resilience.late(model, backend)
        return self._late.setdefault((model, backend), LateWork(count))

    def _build_engine(self, model: LoadedModel, backend: str, resources: ExitStack) -> ModelInference:
        record = partial(self.folders.record_opening, model, backend)
        queue = self._queue(model, backend)
        engine = self._batched(model, backend, *queue, record) if queue else self._plain(model, backend, record)
        resources.callback(engine.close)
        return engine

    def _queue(self, model: LoadedModel, backend: str) -> tuple[BatchRules, int] | None:
        """Return the rules and the instances of a queue in this process; None where requests run as they come."""
        if self._plugins.backend(backend).batches:
            return None
        try:
            instances = count_instances(self._plugins, model, backend)
        except ModelLoadError:  # the first request raises it, when the model is opened
            instances = None
        declaration = model.declaration
        if declaration.dynamic_batching is None and instances is None:
            return None
        return batch_rules(declaration.dynamic_batching, declaration.max_batch_size), instances or 1

    def _batched(
        self, model: LoadedModel, backend: str, rules: BatchRules, instances: int, on_open: Callable[[], object]
    ) -> ModelInference:
        arm = (model.name, backend)
        batcher = DynamicBatcher(
            self._bounded(self._lazy(model, backend, on_open), model, backend),
            arm,
            rules,
            self._metrics.batches(*arm),
            refused=self._metrics.resilience.full_queue(*arm),
            instances=instances,
        )
        if self._tracer is not None:
            batcher.run_in(self._tracer)
        return Meter(batcher, self._metrics.requests(*arm, batched=True, exemplar=self._exemplar))

    def _bounded(self, lazy: Lazy, model: LoadedModel, backend: str) -> ModelInference:
        bounded = ErrorBoundary(lazy, model.name, backend)
        if self._tracer is None:
            return bounded
        # Outside of the boundary: a span says what the error became, and not what a foreign library raised.
        remote, batched = self._plugins.backend(backend).remote, model.declaration.max_batch_size > 0
        return ExecutionSpan(bounded, self._tracer, (model.name, backend), remote=remote, batched=batched)

    def _lazy(self, model: LoadedModel, backend: str, on_open: Callable[[], object]) -> Lazy:
        arm, declared = (model.name, backend), self._plugins.backend(backend)
        open_meter = partial(self._metrics.backends.meter, *arm, remote=declared.remote)
        files = partial(declared.files, model.declaration, model.options[backend])
        reports = ArmReports(arm, open_meter, files, self.threads.checks)

        def opening() -> ModelInference:
            on_open()
            return open_model(self._plugins, self._metrics, model, backend, reports)

        return Lazy(model.name, opening, on_close=reports.close, version=reports.version)

    def _needs_circuit(self, model: LoadedModel, backend: str) -> bool:
        # On a local engine without a replacement an open circuit would only fail requests that could succeed.
        settings = model.settings
        replaceable = settings.fallback is not None or settings.canary is not None
        return replaceable or settings.circuit_breaker is not None or self._plugins.backend(backend).remote


def _nothing() -> None:
    return None


def _guards(model: LoadedModel) -> object:
    settings = model.settings
    return settings.circuit_breaker, settings.retry, settings.max_in_flight
