"""A comparison for a request: the same inputs on two sides, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from turnout import PipelineResult, Turnout
from turnout.errors import PipelineFailedError, TurnoutError, json_text
from turnout_web.page.differences import Differences, find_differences
from turnout_web.page.sides import Side, choose_side
from turnout_web.pipelines.answered import failed_status, run_answered
from turnout_web.pipelines.description import provided_names
from turnout_web.pipelines.maps import MAP_FORMS
from turnout_web.pipelines.masks import MASK_FORMS
from turnout_web.pipelines.request_body import read_inputs
from turnout_web.pipelines.request_options import RunOptions, read_options
from turnout_web.pipelines.result_record import result_record
from turnout_web.pipelines.values import ValueWriter
from turnout_web.problems import Problem, problem_of
from turnout_web.settings import ServeSettings

_SIDES = ("left", "right")
Outcome = tuple[PipelineResult, float] | Problem


async def answer_comparison(app: Turnout, name: str, request: Request) -> Response:
    """Return both results of the inputs in the body, and the values that differ.

    Raises:
        Problem: the request is wrong.
        TurnoutError: an input is wrong, on either side.
    """
    settings: ServeSettings = request.app.state.settings
    chosen, others = _split(request.query_params)
    options = read_options(others, settings.timeout_seconds)
    sides = [await run_in_threadpool(choose_side, app, name, key, chosen.get(key, "")) for key in _SIDES]
    inputs = await read_inputs(request, sides[0].pipeline.plan.input_forms)
    # One after the other: side by side they would share the cores, and their times would say nothing.
    outcomes = [await _run(side, inputs, options) for side in sides]
    body = await run_in_threadpool(_as_json, name, sides, outcomes, options)
    return Response(body, media_type="application/json")


def _split(query: QueryParams) -> tuple[dict[str, str], QueryParams]:
    """Return the sides, and the options of a run."""
    items = query.multi_items()
    chosen = [(key, value) for key, value in items if key in _SIDES]
    if len(chosen) > len(dict(chosen)):
        raise Problem(400, "left and right can be given once each", field=chosen[0][0])
    return dict(chosen), QueryParams([(key, value) for key, value in items if key not in _SIDES])


async def _run(side: Side, inputs: Mapping[str, Any], options: RunOptions) -> Outcome:
    try:
        # Before the clock starts: the time to load a model is no time of an answer.
        await run_in_threadpool(side.pipeline.open)
        start = time.perf_counter()
        result = await run_answered(side.pipeline, inputs, options.timeout_seconds)
        return result, time.perf_counter() - start
    except PipelineFailedError as error:
        failed = problem_of(error)
        problem = Problem(failed_status(error), failed.detail, kind=failed.kind)
        if problem.status < 500:
            raise problem from error
        return problem
    except TurnoutError as error:
        problem = problem_of(error)
        if problem.status < 500:
            raise
        return problem


def _as_json(name: str, sides: list[Side], outcomes: list[Outcome], options: RunOptions) -> str:
    provided = provided_names(sides[0].pipeline)
    writer = ValueWriter(MASK_FORMS[options.masks], MAP_FORMS[options.maps])
    records = [_side_record(side, outcome, provided, writer) for side, outcome in zip(sides, outcomes, strict=True)]
    return json_text(
        {"pipeline": name, **dict(zip(_SIDES, records, strict=True)), **_differences(outcomes, provided).as_json()}
    )


def _differences(outcomes: list[Outcome], provided: list[str]) -> Differences:
    left, right = outcomes
    if isinstance(left, Problem) or isinstance(right, Problem):
        return Differences()
    return find_differences(left[0], right[0], provided)


def _side_record(side: Side, outcome: Outcome, provided: list[str], writer: ValueWriter) -> dict[str, Any]:
    known = {"title": side.title, "backends": dict(side.backends)}
    if isinstance(outcome, Problem):
        return known | {"problem": {"status": outcome.status, "kind": outcome.kind, "detail": outcome.detail}}
    result, seconds = outcome
    return known | {"result": result_record(result, provided, writer, seconds)}
