"""The routes of examples."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from turnout import Turnout
from turnout.errors import json_text, listing
from turnout_web.examples.example_request import JSON, ExampleRequest
from turnout_web.examples.model_example import model_example
from turnout_web.examples.pipeline_example import pipeline_example
from turnout_web.pipelines.routing import PIPELINE, find_pipeline
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings

FORMS = ("json", "curl", "body")
PIPELINE_EXAMPLE, MODEL_EXAMPLE = f"{PIPELINE}/example", "/v2/models/{name}/example"


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the routes."""

    async def of_pipeline(request: Request) -> Response:
        return await _answer(request, lambda name: pipeline_example(find_pipeline(app, name)), settings)

    async def of_model(request: Request) -> Response:
        return await _answer(request, lambda name: model_example(app.model(name)), settings)

    return [Route(PIPELINE_EXAMPLE, of_pipeline, methods=["GET"]), Route(MODEL_EXAMPLE, of_model, methods=["GET"])]


async def _answer(request: Request, make: Callable[[str], ExampleRequest], settings: ServeSettings) -> Response:
    form = request.query_params.get("as", "json")
    if form not in FORMS:
        raise Problem(400, f"as={form!r:.40} is no form of an example; known: {listing(FORMS)}", field="as")
    example = await run_in_threadpool(make, request.path_params["name"])
    if form == "body":
        return Response(example.body, media_type=example.media_type, headers=dict(example.headers))
    server = f"{request.url.scheme}://{request.url.netloc}"
    needs_token = settings.token is not None
    if form == "curl":
        return PlainTextResponse(example.command(server, needs_token=needs_token) + "\n")
    return Response(json_text(example.record(server, needs_token=needs_token)), media_type=JSON)
