"""The health of an app at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ArmHealth:
    """The health of one model on one backend.

    Attributes:
        backend: the backend.
        role: ``serves``, ``canary``, ``shadow`` or ``fallback``.
        state: ``unopened`` until its first request, ``opening``, ``open``, or ``closed``.
        circuit: ``closed``, ``open``, or ``trial`` when the next request tries the backend; None without a circuit.
        ready: whether a request sent now is likely to be answered; an unopened model is opened by that request.
        reason: why it is not ready; empty if it is.
        version: the version that answers; None if it is not known.
        last_error: the last failure of the backend since the model was opened; None if there was none.
        last_error_age_seconds: the time since then.
    """

    backend: str
    role: str
    state: str
    circuit: str | None
    ready: bool
    reason: str = ""
    version: str | None = None
    last_error: str | None = None
    last_error_age_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """The health of one model: ready if the backend that serves is, or else its fallback.

    Attributes:
        model: the name in turnout.yaml.
        backend: the backend that serves.
        ready: whether a request sent now is likely to be answered.
        reason: why it is not ready; empty if it is.
        fallback_in_use: the fallback that answers now in place of ``backend``; None if none does.
        arms: the backend that serves, then those of the other roles.
    """

    model: str
    backend: str
    ready: bool
    reason: str
    fallback_in_use: str | None
    arms: tuple[ArmHealth, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """The health of an app.

    Attributes:
        live: whether the app is open; one that is not never answers again.
        ready: whether every model is ready.
        reasons: why the app is not live or not ready, one text each; empty if it is.
        models: the health of each model, by name.
    """

    live: bool
    ready: bool
    reasons: tuple[str, ...]
    models: Mapping[str, ModelHealth]

    def as_json(self) -> dict[str, Any]:
        """Return the same as values of JSON."""
        return {
            "live": self.live,
            "ready": self.ready,
            "reasons": list(self.reasons),
            "models": {
                name: asdict(model) | {"arms": [asdict(arm) for arm in model.arms]} for name, model in self.models.items()
            },
        }
