"""A model as its requests meet it: its arms, and what chooses between them."""

from __future__ import annotations

from turnout.errors import TurnoutError
from turnout.files.state_folder import STATE
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.middleware.canary import Canary
from turnout.middleware.fallback import Fallback, reason_of
from turnout.middleware.recorder import Recorder
from turnout.middleware.shadow import Shadow
from turnout.parity import Tolerances
from turnout.rollout.shadow import ShadowLedger
from turnout.serving.arm_identity import evidence_identity
from turnout.serving.arms import Arms, checked
from turnout.settings import LoadedSettings


class Composer:
    """Composes models by settings: ``TensorCheck(Recorder(Fallback(Canary(Shadow(arm)))))``, of these what a model names.

    A backend that is named beside the one that serves, and is the same, is left out: so moving a model stays one line.
    """

    def __init__(self, arms: Arms, metrics: Metrics) -> None:
        self._arms = arms
        self._metrics = metrics

    def model(self, name: str, loaded: LoadedSettings) -> ModelInference:
        """Return the model ``name``; the caller closes it."""
        settings, backend = loaded.settings.models[name], loaded.settings.backend_of(name)
        composed = self._arms.guarded(loaded, name, backend)
        composed = self._shadowed(composed, name, loaded)
        composed = self._with_canary(composed, name, loaded)
        composed = self._with_fallback(composed, name, loaded)
        if settings.record is not None:
            policy = settings.record.policy(loaded.folder, name)
            composed = Recorder(composed, name, backend, policy, self._metrics.recordings.counter(name))
        return self._checked(composed, name, loaded, *settings.other_backends().values(), backend)

    def arm(self, name: str, backend: str, loaded: LoadedSettings) -> ModelInference:
        """Return the model ``name`` on ``backend`` alone; the caller closes it."""
        return self._checked(self._arms.plain(loaded, name, backend), name, loaded, backend)

    def _checked(self, inner: ModelInference, name: str, loaded: LoadedSettings, *backends: str) -> ModelInference:
        declaration = loaded.settings.models[name].declaration(name, loaded.folder)
        devices = all(self._arms.takes_device_tensors(backend) for backend in backends)
        return checked(inner, declaration, device_tensors=devices)

    def _shadowed(self, inner: ModelInference, name: str, loaded: LoadedSettings) -> ModelInference:
        settings, backend = loaded.settings.models[name], loaded.settings.backend_of(name)
        shadow = settings.shadow
        if shadow is None or shadow.backend == backend:
            return inner
        default = settings.tolerance.tolerances() if settings.tolerance else Tolerances()
        policy = shadow.policy(loaded.folder if loaded.source else None, name, default)
        ledger = ShadowLedger(
            name,
            backend,
            shadow.backend,
            meter=self._metrics.shadows.meter(name, backend, shadow.backend),
            file=loaded.folder / STATE / f"{name}.shadow.json" if loaded.source else None,
            identity=evidence_identity(loaded, name, (backend, shadow.backend), policy.tolerances),
        )
        other = self._arms.guarded(loaded, name, shadow.backend)
        return Shadow(inner, other, policy, ledger)

    def _with_canary(self, inner: ModelInference, name: str, loaded: LoadedSettings) -> ModelInference:
        canary, backend = loaded.settings.models[name].canary, loaded.settings.backend_of(name)
        if canary is None or canary.backend == backend:
            return inner
        meter = self._metrics.resilience.fallbacks(name, canary.backend, backend)

        def stepped_back(error: TurnoutError) -> None:
            meter.fell_back[reason_of(error)]()

        return Canary(inner, self._arms.guarded(loaded, name, canary.backend), canary.policy(name), stepped_back)

    def _with_fallback(self, inner: ModelInference, name: str, loaded: LoadedSettings) -> ModelInference:
        fallback, backend = loaded.settings.models[name].fallback, loaded.settings.backend_of(name)
        if fallback is None or fallback == backend:
            return inner
        meter = self._metrics.resilience.fallbacks(name, backend, fallback)
        return Fallback(inner, self._arms.guarded(loaded, name, fallback), name, (backend, fallback), meter)
