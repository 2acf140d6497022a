"""One exchange: the id of a request, and an error as its answer."""

from __future__ import annotations

import logging
from asyncio import CancelledError

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout_web.cancelling import end_reason, register_task
from turnout_web.problems import CLIENT_CLOSED, problem_of, problem_response, shell_response
from turnout_web.request_ids import HEADER, assign_request_id, request_id_of

logger = logging.getLogger(__name__)


class Exchange:
    """The outermost ASGI app: gives each request its id, and turns each error into an answer."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        register_task(scope)
        answer = _Answer(send, (HEADER, assign_request_id(scope).encode()))
        try:
            await self._inner(scope, receive, answer)
        except CancelledError as cancelled:
            reason = end_reason(scope)
            if reason is None or (answer.started and reason.status != CLIENT_CLOSED):
                raise cancelled from None
            await _send_problem(reason, scope, receive, answer)
        except Exception as error:  # the edge of the server: every error becomes an answer
            if answer.started:
                raise
            await _send_problem(error, scope, receive, answer)


class _Answer:
    """The answer to one request, with its id."""

    __slots__ = ("_id", "_send", "started")

    def __init__(self, send: Send, id: tuple[bytes, bytes]) -> None:
        self._send, self._id = send, id
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", ()), self._id]
        await self._send(message)


async def _send_problem(error: BaseException, scope: Scope, receive: Receive, send: Send) -> None:
    problem, id = problem_of(error), request_id_of(scope)
    if problem.status == 500 and not problem.kind:
        logger.error("request %s to %s failed", id, scope["path"], exc_info=error)
    if problem.status != CLIENT_CLOSED:
        response = shell_response(problem) if _is_for_shell(scope) else problem_response(problem, id, path=scope["path"])
        await response(scope, receive, send)


def _is_for_shell(scope: Scope) -> bool:
    """Return whether the answer goes into a shell: ``curl .../example?as=curl | bash`` would run a problem in JSON."""
    return scope["path"].endswith("/example") and b"as=curl" in scope["query_string"].split(b"&")
