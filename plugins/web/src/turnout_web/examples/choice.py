"""The example that a server names at its start."""

from __future__ import annotations

from urllib.parse import quote

from turnout import Model, Turnout
from turnout.errors import TurnoutError
from turnout_web.examples.model_example import has_example
from turnout_web.examples.pipeline_example import pipeline_example
from turnout_web.pipelines.routing import PIPELINES, find_pipeline
from turnout_web.problems import Problem


def choose_example(app: Turnout) -> str | None:
    """Return the path of the first example of a pipeline, else of a model; None if there is none. Blocks; opens no model.

    A model that is not open yet may have one.
    """
    for name in app.pipelines:
        if _pipeline_has_example(app, name):
            return f"{PIPELINES}/{quote(name, safe='')}/example"
    for name in app.models:
        if _may_have_example(app.models[name]):
            return f"/v2/models/{quote(name, safe='')}/example"
    return None


def _pipeline_has_example(app: Turnout, name: str) -> bool:
    try:
        pipeline_example(find_pipeline(app, name))
    except (Problem, TurnoutError):
        return False
    return True


def _may_have_example(model: Model) -> bool:
    with model.deployed() as opened:
        is_open = opened is not None
    try:
        return not is_open or has_example(model)
    except TurnoutError:
        return False
