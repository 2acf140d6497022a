"""The route of the document."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from turnout import Turnout
from turnout.errors import json_text
from turnout_web.openapi.document import DOCUMENT, document
from turnout_web.settings import ServeSettings


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the route."""

    async def show(_: Request) -> Response:
        # The steps of each pipeline are created, which may read files.
        found = await run_in_threadpool(document, app, settings)
        return Response(json_text(found), media_type="application/json")

    return [Route(DOCUMENT, show, methods=["GET"])]
