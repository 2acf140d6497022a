"""The roles that the settings in force give to the backends of an app's models, as metrics."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.metrics import Metrics
from turnout.metrics.labels import Role
from turnout.settings.loaded import LoadedModel


class ReportedRoles:
    """Reports which backend of each model serves, and which are its canary, shadow and fallback. Thread-safe."""

    def __init__(self, models: Iterable[LoadedModel], metrics: Metrics) -> None:
        models = list(models)
        self._meters = {model.name: metrics.serving.meter(model.name) for model in models}
        for model in models:
            self.report(model)

    def report(self, model: LoadedModel) -> None:
        """Report the settings by which ``model`` is served now; ignored after ``close``."""
        settings = model.settings
        # As the composer: a fallback, canary or shadow on the serving backend itself is left out.
        others = {Role(key): backend for key, backend in settings.other_backends().items() if backend != model.backend}
        weight = settings.canary.weight if settings.canary is not None and Role.CANARY in others else 0.0
        self._meters[model.name].show(settings.backends, {Role.SERVES: model.backend, **others}, weight)

    def close(self) -> None:
        """Report that no backend has a role any longer."""
        for meter in self._meters.values():
            meter.close()
