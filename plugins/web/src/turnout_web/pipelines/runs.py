"""A run of a pipeline for a request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from turnout import Pipeline, PipelineResult, StepFailure
from turnout.errors import PipelineFailedError, json_text
from turnout_web.pipelines.accepted import JSON, PNG, choose_type
from turnout_web.pipelines.answered import failed_status, run_answered
from turnout_web.pipelines.description import draws, provided_names
from turnout_web.pipelines.maps import MAP_FORMS
from turnout_web.pipelines.masks import MASK_FORMS
from turnout_web.pipelines.request_body import read_inputs
from turnout_web.pipelines.request_options import read_options
from turnout_web.pipelines.result_record import failure_records, result_record, value_records
from turnout_web.pipelines.values import ValueWriter
from turnout_web.problems import Problem, problem_of
from turnout_web.settings import ServeSettings

FAILURES = "Turnout-Failures"


async def answer_run(pipeline: Pipeline, request: Request) -> Response:
    """Return the answer to a request for a run: its result as JSON, or drawn.

    Raises:
        Problem: the request is wrong, a step got no answer, or every item failed.
        TurnoutError: the run failed.
    """
    settings: ServeSettings = request.app.state.settings
    offered = (JSON, PNG) if draws(pipeline) else (JSON,)
    wanted = choose_type(request.headers.get("accept", ""), offered)
    options = read_options(request.query_params, settings.timeout_seconds)
    inputs = await read_inputs(request, pipeline.plan.input_forms)
    writer = ValueWriter(MASK_FORMS[options.masks], MAP_FORMS[options.maps])
    start = time.perf_counter()
    try:
        result = await run_answered(pipeline, inputs, options.timeout_seconds)
    except PipelineFailedError as error:
        raise await run_in_threadpool(_unanswered, error, provided_names(pipeline), writer) from error
    seconds = time.perf_counter() - start
    # Masks and pictures are compressed here: too long for the event loop.
    write = partial(_draw, pipeline) if wanted == PNG else partial(_as_json, provided_names(pipeline), writer, seconds)
    body = await run_in_threadpool(write, result)
    return Response(body, media_type=wanted, headers=_count_failures(result.failures))


def _as_json(provided: Iterable[str], writer: ValueWriter, seconds: float, result: PipelineResult) -> bytes:
    return json_text(result_record(result, provided, writer, seconds)).encode()


def _draw(pipeline: Pipeline, result: PipelineResult) -> bytes:
    for step in pipeline.plan.steps.values():
        if (drawn := step.draw(result)) is not None:
            return drawn
    raise Problem(406, f"pipeline {pipeline.name!r} drew no picture of this result; send Accept: {JSON}")


def _count_failures(failures: Iterable[StepFailure]) -> Mapping[str, str]:
    """Return the number of failures as a header: a drawn picture does not show them."""
    count = len(list(failures))
    return {FAILURES: str(count)} if count else {}


def _unanswered(error: PipelineFailedError, provided: Iterable[str], writer: ValueWriter) -> Problem:
    """Return the problem of a run without an answer, with what the other steps wrote."""
    problem = problem_of(error)
    members: dict[str, Any] = {
        **problem.members,
        "failures": failure_records(error.failures),
        "values": value_records(error.values, provided, writer),
    }
    return Problem(failed_status(error), problem.detail, kind=problem.kind, headers=problem.headers, **members)
