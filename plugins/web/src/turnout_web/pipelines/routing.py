"""The routes of pipelines."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from turnout import Pipeline, Turnout
from turnout.errors import ConfigurationError, json_text
from turnout_web.pipelines.accepted import JSON
from turnout_web.pipelines.description import describe_pipeline
from turnout_web.pipelines.runs import answer_run
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings

PIPELINES = "/v1/pipelines"
PIPELINE = "/v1/pipelines/{name}"


def find_pipeline(app: Turnout, name: str) -> Pipeline:
    """Return a pipeline; blocks, because its steps are created at the first use, which may read files.

    Raises:
        UnknownNameError: there is no such pipeline.
        Problem: 500, the settings of the pipeline are wrong, which no caller can fix.
    """
    try:
        return app.pipeline(name)
    except ConfigurationError as error:
        if name not in app.pipelines:
            raise
        raise Problem(500, error.message, kind=type(error).__name__, next_step=error.next_step) from error


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the routes."""
    del settings

    async def list_pipelines(_: Request) -> Response:
        found = [{"name": name, "href": f"{PIPELINES}/{quote(name, safe='')}"} for name in app.pipelines]
        return Response(json_text({"pipelines": found}), media_type=JSON)

    async def describe_or_run(request: Request) -> Response:
        pipeline = await run_in_threadpool(find_pipeline, app, request.path_params["name"])
        if request.method == "POST":
            return await answer_run(pipeline, request)
        return Response(json_text(describe_pipeline(pipeline)), media_type=JSON)

    return [
        Route(PIPELINES, list_pipelines, methods=["GET"]),
        # One route for both methods, so that the answer 405 to others names both.
        Route(PIPELINE, describe_or_run, methods=["GET", "POST"]),
    ]
