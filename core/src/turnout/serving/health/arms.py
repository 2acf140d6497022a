"""The arms of a composed model and their roles, found in its frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from turnout.inference import ModelInference
from turnout.middleware.base import Middleware
from turnout.middleware.canary import Canary
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.fallback import Fallback
from turnout.middleware.lazy import Lazy
from turnout.middleware.outage_log import OutageLog
from turnout.middleware.shadow import Shadow

Frame = TypeVar("Frame", bound=ModelInference)
# The order in which a report names them.
_ROLES = ("serves", "canary", "fallback", "shadow")


class Arm(NamedTuple):
    """An arm of a model: what its frames know of the requests."""

    role: str
    log: OutageLog
    lazy: Lazy
    breaker: CircuitBreaker | None


def arms_of(model: ModelInference) -> list[Arm]:
    """Return the arms of a composed model, the one that serves first."""
    found = {role: arm for role, frame in _arms_by_role(model) if (arm := _arm(role, frame)) is not None}
    return [found[role] for role in _ROLES if role in found]


def uses_fallback(model: ModelInference) -> bool:
    """Return whether the fallback of a composed model answers now."""
    return any(frame.in_use for frame in _frames(model) if isinstance(frame, Fallback))


def _arms_by_role(model: ModelInference) -> Iterator[tuple[str, ModelInference]]:
    for frame in _frames(model):
        if isinstance(frame, Fallback):
            yield "fallback", frame.other
        elif isinstance(frame, Canary):
            yield "canary", frame.canary
        elif isinstance(frame, Shadow):
            yield "shadow", frame.shadow
    yield "serves", model


def _arm(role: str, arm: ModelInference) -> Arm | None:
    """Return an arm by its frames; None for a model that was composed by something else."""
    frames = list(_frames(arm))
    log, lazy = _first(frames, OutageLog), _first(frames, Lazy)
    return None if log is None or lazy is None else Arm(role, log, lazy, _first(frames, CircuitBreaker))


def _first(frames: list[ModelInference], kind: type[Frame]) -> Frame | None:
    return next((frame for frame in frames if isinstance(frame, kind)), None)


def _frames(model: ModelInference) -> Iterator[ModelInference]:
    frame: ModelInference | None = model
    while frame is not None:
        yield frame
        frame = frame.inner if isinstance(frame, Middleware) else None
