"""Composition of a model: its arms, and the middlewares that choose between them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from turnout.errors import InvalidTensorError, TurnoutError
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.metrics.labels import fallback_reason_of, outcome_of
from turnout.metrics.resilience import FallbackMeter
from turnout.middleware.canary import Canary
from turnout.middleware.fallback import Fallback
from turnout.middleware.recorder import Recorder
from turnout.middleware.request_span import RequestSpan
from turnout.middleware.shadow import Shadow
from turnout.middleware.tensor_check import TensorCheck
from turnout.rollout.shadow import ShadowLedger, shadow_evidence_file
from turnout.serving.arm_identity import evidence_identity
from turnout.serving.arms import Arms
from turnout.serving.deployment import Deployment
from turnout.serving.traced_meters import traced_fallbacks
from turnout.settings.loaded import LoadedModel

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class Composer:
    """Composes models from settings: ``TensorCheck(Recorder(Fallback(Canary(Shadow(arm)))))``, of these what a model names.

    A fallback, canary or shadow on the serving backend itself is left out, so that moving a model remains a change of one line.
    """

    def __init__(self, arms: Arms, metrics: Metrics, tracer: Tracer | None = None) -> None:
        self._arms = arms
        self._metrics = metrics
        self._tracer = tracer
        self._threads = arms.threads

    def deploy(self, model: LoadedModel) -> Deployment:
        """Return ``model`` as it serves; the caller closes it."""
        with ExitStack() as resources:
            # From the inside out. The shadow is next to the serving arm, so that it sees no request of the canary or fallback;
            # the recorder is outside, so that it keeps the response that the caller got, whichever arm gave it.
            composed = self._arms.lease(model, model.backend, resources)
            composed = self._with_shadow(composed, model, resources)
            composed = self._with_canary(composed, model, resources)
            composed = self._with_fallback(composed, model, resources)
            composed = self._with_recorder(composed, model, resources)
            on_retire = [composed.retire] if isinstance(composed, Recorder) else []
            on_refusal = self._refusal_counter(model, model.backend)
            backends = (model.backend, *model.settings.other_backends().values())
            checked = self._check(composed, model, backends, on_refusal)
            return Deployment(self._traced(checked, model.name, model.backend), resources.pop_all(), on_refusal, on_retire)

    def deploy_arm(self, model: LoadedModel, backend: str) -> Deployment:
        """Return ``model`` on ``backend`` alone as it serves there; the caller closes it. Equal arms are open once."""
        with ExitStack() as resources:
            on_refusal = self._refusal_counter(model, backend)
            # Leased, not built: a large model must not be in memory twice when it is compared with what serves.
            checked = self._check(self._arms.lease(model, backend, resources), model, (backend,), on_refusal)
            return Deployment(self._traced(checked, model.name, backend), resources.pop_all(), on_refusal)

    def arm(self, model: LoadedModel, backend: str) -> ModelInference:
        """Return ``model`` on ``backend`` alone, for a comparison; the caller closes it."""
        return self._check(self._arms.engine(model, backend), model, (backend,), lambda _: None)

    def queued_arm(self, model: LoadedModel, backend: str) -> ModelInference:
        """Return ``model`` on ``backend`` alone, with the queue of live requests, for a measurement; the caller closes it."""
        return self._check(self._arms.queued_engine(model, backend), model, (backend,), lambda _: None)

    def _check(
        self,
        inner: ModelInference,
        model: LoadedModel,
        backends: tuple[str, ...],
        on_refusal: Callable[[TurnoutError], object],
    ) -> ModelInference:
        declaration = model.declaration
        return TensorCheck(
            inner,
            model.name,
            declaration.signature,
            declaration.max_batch_size,
            device_tensors=all(self._arms.accepts_device_tensors(backend) for backend in backends),
            on_refusal=on_refusal,
            threads=self._threads.checks,
        )

    def _traced(self, inner: ModelInference, model: str, backend: str) -> ModelInference:
        return inner if self._tracer is None else RequestSpan(inner, self._tracer, model, backend)

    def _refusal_counter(self, model: LoadedModel, backend: str) -> Callable[[TurnoutError], None]:
        """Return a function that counts a refused request as one of ``backend``."""
        refused = self._metrics.requests(model.name, backend).refused
        invalid_tensors = self._metrics.resilience.invalid_tensors(model.name, backend)

        def count(error: TurnoutError) -> None:
            refused[outcome_of(error)]()
            if isinstance(error, InvalidTensorError):
                invalid_tensors()

        return count

    def _with_shadow(self, inner: ModelInference, model: LoadedModel, resources: ExitStack) -> ModelInference:
        settings, shadow = model.settings, model.settings.shadow
        if shadow is None or shadow.backend == model.backend:
            return inner
        # Settings from a dict have no folder that belongs to them, so nothing is written for them.
        folder = model.declaration.folder if model.where else None
        policy = shadow.policy(folder, model.name, settings.tolerances())
        ledger = ShadowLedger(
            model.name,
            model.backend,
            shadow.backend,
            meter=self._metrics.shadows.meter(model.name, model.backend, shadow.backend),
            file=shadow_evidence_file(folder, model.name) if folder else None,
            identity=evidence_identity(model, (model.backend, shadow.backend), policy.tolerances),
        )
        # A lease of its own: the mirror releases it with a time limit, since a shadow that hangs must not block a reload.
        lease = resources.enter_context(ExitStack())
        arm, threads = self._arms.lease(model, shadow.backend, lease), self._threads.checks
        mirror = Shadow(inner, arm, policy, ledger, release=lease.close, threads=threads, contexts=self._tracer)
        resources.callback(mirror.stop)
        return mirror

    def _with_canary(self, inner: ModelInference, model: LoadedModel, resources: ExitStack) -> ModelInference:
        canary = model.settings.canary
        if canary is None or canary.backend == model.backend:
            return inner
        # An unavailable canary is a fallback from the canary to the serving backend, and is counted as one.
        meter = self._fallbacks(model.name, canary.backend, model.backend)

        def count(error: TurnoutError) -> None:
            meter.fell_back[fallback_reason_of(error)]()

        return Canary(inner, self._arms.lease(model, canary.backend, resources), canary.policy(model.name), count)

    def _with_fallback(self, inner: ModelInference, model: LoadedModel, resources: ExitStack) -> ModelInference:
        fallback = model.settings.fallback
        if fallback is None or fallback == model.backend:
            return inner
        meter = self._fallbacks(model.name, model.backend, fallback)
        other = self._arms.lease(model, fallback, resources)
        return Fallback(inner, other, model.name, (model.backend, fallback), meter)

    def _fallbacks(self, model: str, first: str, other: str) -> FallbackMeter:
        return traced_fallbacks(self._tracer, self._metrics.resilience.fallbacks(model, first, other), first, other)

    def _with_recorder(self, inner: ModelInference, model: LoadedModel, resources: ExitStack) -> ModelInference:
        if model.settings.record is None:
            return inner
        policy = model.settings.record.policy(model.declaration.folder, model.name)
        count, threads = self._metrics.recordings.counter(model.name), self._threads.checks
        recorder = Recorder(inner, model.name, model.backend, policy, count, threads=threads)
        resources.callback(recorder.stop)
        return recorder
