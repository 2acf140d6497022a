"""One exchange: the id of a request, and an error as its answer."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout_web.problems import CLIENT_CLOSED, problem_of, problem_response
from turnout_web.request_ids import HEADER, assign_request_id

logger = logging.getLogger(__name__)


class Exchange:
    """The outermost ASGI app: gives each request its id, and turns each error into an answer."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        id = assign_request_id(scope)
        named = (HEADER, id.encode())
        started = False

        async def identified(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), named]
            await send(message)

        try:
            await self._inner(scope, receive, identified)
        except Exception as error:  # the edge of the server: every error becomes an answer
            problem = problem_of(error)
            if problem.status == 500 and not problem.kind:
                logger.exception("request %s to %s failed", id, scope["path"])
            if not started and problem.status != CLIENT_CLOSED:
                await problem_response(problem, id, path=scope["path"])(scope, receive, identified)
