"""The two sides of a comparison: a pipeline as it serves, or on one backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnout import Pipeline, Turnout
from turnout.errors import listing, suggestion
from turnout_web.pipelines.routing import find_pipeline
from turnout_web.problems import Problem

SERVED = "as it serves"


@dataclass(frozen=True, slots=True)
class Side:
    """One side.

    Attributes:
        title: what it is, for people.
        backends: the backend of each model that does not run as it serves.
        pipeline: the pipeline on those backends.
    """

    title: str
    backends: Mapping[str, str]
    pipeline: Pipeline


def describe_choices(app: Turnout, name: str) -> dict[str, Any]:
    """Return the backends that the pipeline ``name`` can be compared on, in types of JSON. Raises as ``find_pipeline``.

    ``missing`` are those of turnout.yaml that are not installed, each with the reason.
    """
    pipeline = find_pipeline(app, name)
    models = {model: list(app.backends(model)) for model in _models_of(pipeline)}
    return {"pipeline": name, "backends": _names(models), "models": models, "missing": _missing(app, pipeline)}


def choose_side(app: Turnout, name: str, key: str, backend: str) -> Side:
    """Return the pipeline ``name`` with each model that has ``backend`` on it; an empty one leaves all as they serve.

    Raises:
        Problem: 400, no model of the pipeline has it; ``key`` names the option.
        TurnoutError: as ``find_pipeline``.
    """
    if not backend:
        return Side(SERVED, {}, find_pipeline(app, name))
    served = find_pipeline(app, name)
    models = {model: app.backends(model) for model in _models_of(served)}
    chosen = {model: backend for model, backends in models.items() if backend in backends}
    if not chosen:
        known, missing = _names(models), _missing(app, served)
        if backend in missing:
            raise Problem(400, f"{key}={backend!r:.80} is in turnout.yaml and cannot be used: {missing[backend]}", field=key)
        raise Problem(
            400,
            f"{key}={backend!r:.80} is no backend of a model of pipeline {name!r}; known: {listing(known) or 'none'}."
            f"{suggestion(backend, [*known, *missing])} Leave it empty to run the pipeline as it serves",
            field=key,
        )
    some = "" if len(chosen) == len(models) else f" ({', '.join(chosen)})"
    return Side(f"{backend}{some}", chosen, app.pipeline(name, backends=chosen))


def _models_of(pipeline: Pipeline) -> list[str]:
    return list(dict.fromkeys(step.model for step in pipeline.plan.steps.values() if step.model is not None))


def _missing(app: Turnout, pipeline: Pipeline) -> dict[str, str]:
    return {backend: why for model in _models_of(pipeline) for backend, why in app.missing_backends(model).items()}


def _names(models: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(backend for backends in models.values() for backend in backends))
