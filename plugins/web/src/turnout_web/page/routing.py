"""The routes of the page."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from turnout import Turnout
from turnout.errors import json_text
from turnout_web.page.board import Board
from turnout_web.page.comparing import answer_comparison
from turnout_web.page.sides import describe_choices
from turnout_web.page.static_files import FILES, INDEX, read_static_file
from turnout_web.settings import ServeSettings

BOARD = "/v1/board"
COMPARE = "/v1/compare/{name}"
_JSON = "application/json"


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the routes."""
    del settings
    board = Board(app)

    async def show_board(_: Request) -> Response:
        # In a thread: it may wait for a server, for seconds at most.
        return Response(json_text(await run_in_threadpool(board.read)), media_type=_JSON)

    async def describe_or_compare(request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "POST":
            return await answer_comparison(app, name, request)
        choices = await run_in_threadpool(describe_choices, app, name)
        return Response(json_text(choices), media_type=_JSON)

    return [
        Route("/", read_static_file(INDEX).answer, methods=["GET"]),
        *(Route(f"/page/{name}", read_static_file(name).answer, methods=["GET"]) for name in FILES if name != INDEX),
        Route(BOARD, show_board, methods=["GET"]),
        Route(COMPARE, describe_or_compare, methods=["GET", "POST"]),
    ]
