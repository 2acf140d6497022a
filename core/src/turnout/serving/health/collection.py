"""The health of every model of an app, read without opening any and within a limit of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

from turnout.forking import Forks
from turnout.health import ArmHealth, Health, ModelHealth
from turnout.inference import ModelInference
from turnout.middleware.outage_log import ArmFailures
from turnout.serving.health.arms import Arm, arms_of, uses_fallback
from turnout.serving.health.readiness import Readiness
from turnout.serving.replaceable_model import ReplaceableModel
from turnout.settings.loaded import LoadedModel

FAILED_SECONDS = 30.0
"""The time for which failures count: without requests nothing else could show that a backend works again."""
ANSWERED_SECONDS = 10.0
"""The time for which an answer shows that a backend is ready, so that it need not be asked."""
FAILURES_IN_A_ROW = 5

STARTING = "the app opens its models with preload: true"
CLOSED = "the app is closed; open it again with turnout.open"


class _Found(NamedTuple):
    """The facts of an arm before its backend is asked; ``reason`` is why it is not ready."""

    arm: Arm
    state: str
    circuit: str | None
    reason: str
    asks: bool


class HealthCheck:
    """Reads the health of the models of one app. Thread-safe; opens nothing.

    The requests decide: an arm is not ready while its circuit is open, or after five failures in a row, or one failure to
    open, of the last 30 s. The backend itself is asked only where no request of the last 10 s says anything.
    """

    def __init__(self, models: Mapping[str, ReplaceableModel], settings: Callable[[str], LoadedModel]) -> None:
        self._models = models
        self._settings = settings
        self._readiness = Readiness()
        # From the start: the port answers before the models with preload: true are opened.
        self._starting = any(settings(name).settings.preload for name in models)
        self._closed = False

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Report the app as not ready until the block ends."""
        self._starting = True
        try:
            yield
        finally:
            self._starting = False

    def close(self) -> None:
        """Report the app as closed from now on."""
        self._closed = True

    def health(self, timeout_seconds: float) -> Health:
        """Return the present health; blocks for ``timeout_seconds`` at most."""
        Forks.notice()
        if self._closed:
            return Health(live=False, ready=False, reasons=(CLOSED,), models={})
        with ExitStack() as held:
            # Held until all are read: a reload must not close what is being asked.
            deployed = {name: held.enter_context(model.deployed()) for name, model in self._models.items()}
            models = self._read(deployed, timeout_seconds)
        health = health_of_models(models)
        return replace(health, ready=False, reasons=(STARTING, *health.reasons)) if self._starting else health

    def _read(self, deployed: Mapping[str, ModelInference | None], seconds: float) -> list[ModelHealth]:
        found = {name: [_look_at(arm) for arm in arms_of(model)] for name, model in deployed.items() if model is not None}
        asked = [one.arm.lazy for arms in found.values() for one in arms if one.asks]
        answers = dict(zip(map(id, asked), self._readiness.ask(asked, seconds), strict=True))
        models = []
        for name, model in deployed.items():
            if model is None:
                models.append(_unopened(self._settings(name)))
                continue
            arms = tuple(_conclude(one, answers, seconds) for one in found[name])
            models.append(model_health(name, arms, uses_fallback=uses_fallback(model)))
        return models


def health_of_models(models: Iterable[ModelHealth]) -> Health:
    """Return the health of an open app from that of its models."""
    known = {model.model: model for model in models}
    reasons = tuple(f"model {name!r}: {model.reason}" for name, model in known.items() if not model.ready)
    return Health(live=True, ready=not reasons, reasons=reasons, models=known)


def model_health(name: str, arms: tuple[ArmHealth, ...], *, uses_fallback: bool) -> ModelHealth:
    """Return the health of a model from that of its arms, of which the first serves."""
    serving = arms[0]
    fallback = next((arm for arm in arms if arm.role == "fallback"), None)
    ready = serving.ready or (fallback is not None and fallback.ready)
    needed = [arm for arm in (serving, fallback) if arm is not None]
    reason = "" if ready else "; ".join(f"backend {arm.backend!r}: {arm.reason}" for arm in needed)
    in_use = fallback.backend if fallback is not None and (uses_fallback or not serving.ready) else None
    return ModelHealth(name, serving.backend, ready, reason, in_use, arms)


def _look_at(arm: Arm) -> _Found:
    """Return what the requests of an arm say."""
    state, failures = arm.lazy.state(), arm.log.failures()
    standing = arm.breaker.standing() if arm.breaker is not None else None
    reason = ""
    if state == "closed":
        reason = "it is closed"
    elif standing is not None and standing.state == "open":
        reason = standing.reason
    elif failures.in_a_row and failures.age_seconds < FAILED_SECONDS:
        # Where there is a circuit it weighs the failures; it says nothing about a backend that is not open.
        weighs = standing is not None and state == "open"
        reason = _reason(failures) if failures.cannot_open or not weighs else ""
    answered = standing is not None and standing.answer_age_seconds < ANSWERED_SECONDS and not failures.in_a_row
    circuit = standing.state if standing is not None else None
    return _Found(arm, state, circuit, reason, asks=state == "open" and not reason and not answered)


def _reason(failures: ArmFailures) -> str:
    if failures.cannot_open:
        return f"it cannot be opened: {failures.last}"
    if failures.in_a_row < FAILURES_IN_A_ROW:
        return ""
    return f"the last {failures.in_a_row} requests failed: {failures.last}"


def _conclude(found: _Found, answers: Mapping[int, bool | None], seconds: float) -> ArmHealth:
    reason = found.reason
    if found.asks and not answers[id(found.arm.lazy)]:
        answered = answers[id(found.arm.lazy)] is False
        reason = "it reports that it is not ready" if answered else f"it did not report within {seconds:g} s that it is ready"
    failures = found.arm.log.failures()
    return ArmHealth(
        backend=found.arm.log.backend,
        role=found.arm.role,
        state=found.state,
        circuit=found.circuit,
        ready=not reason,
        reason=reason,
        version=found.arm.lazy.version(),
        last_error=failures.last or None,
        last_error_age_seconds=round(failures.age_seconds, 3) if failures.last else None,
    )


def _unopened(model: LoadedModel) -> ModelHealth:
    """Return the health of a model that no request has reached: its first one opens it."""
    others = {role: name for role, name in model.settings.other_backends().items() if name != model.backend}
    arms = (
        ArmHealth(backend, role, "unopened", circuit=None, ready=True)
        for role, backend in {"serves": model.backend, **others}.items()
    )
    return ModelHealth(model.name, model.backend, ready=True, reason="", fallback_in_use=None, arms=tuple(arms))
