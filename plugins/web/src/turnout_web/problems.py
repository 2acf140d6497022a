"""Errors as ``application/problem+json`` (RFC 9457): a status by the class of the error, and its one clear line."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response

from turnout import errors
from turnout.errors import TurnoutError, json_text, shown

MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED = 499
INTERNAL = "the server failed on this request; its log has the reason under this request_id"

# The first class that fits decides.
_STATUS: tuple[tuple[type[TurnoutError], int], ...] = (
    (errors.UnknownNameError, 404),
    (errors.InvalidRequestError, 400),
    (errors.PipelineWiringError, 400),
    (errors.BackendUnavailableError, 503),
    (errors.ClosedError, 503),
    (errors.DeadlineExceededError, 504),
)


class Problem(Exception):  # noqa: N818  # the field's word for it
    """An answer with an error: ``status``, the one clear line ``detail``, and further members of the JSON object.

    Attributes:
        kind: the name of the class of the error; empty if the server itself refused the request.
        headers: headers of the answer, such as ``Retry-After``.
    """

    def __init__(
        self, status: int, detail: str, *, kind: str = "", headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(shown(detail))
        self.status, self.detail, self.kind = status, shown(detail), kind
        self.headers = dict(headers or {})
        self.members = {name: value for name, value in members.items() if value is not None}

    def as_json(self, request_id: str) -> dict[str, Any]:
        """Return the members of the JSON object."""
        known = {"type": "about:blank", "title": _title(self.status), "status": self.status, "detail": self.detail}
        kind = {"kind": self.kind} if self.kind else {}
        return known | kind | self.members | {"request_id": request_id}


def problem_of(error: BaseException) -> Problem:
    """Return the answer for ``error``; the text of an error that is not Turnout's is not in it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, TurnoutError):
        return _own(error)
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return Problem(CLIENT_CLOSED, "the client closed the connection before the end of its request")
    return Problem(500, INTERNAL)


def problem_response(problem: Problem, request_id: str, *, path: str = "") -> Response:
    """Return ``problem`` as a response. Under ``/v2`` it has KServe's ``error`` too, which its clients read."""
    body = problem.as_json(request_id)
    if path.startswith("/v2"):
        body["error"] = problem.detail
    return Response(json_text(body) + "\n", problem.status, problem.headers, MEDIA_TYPE)


def shell_response(problem: Problem) -> Response:
    """Return ``problem`` as an answer that a shell may run in place of a command: it prints the line, and fails."""
    line = " ".join(problem.detail.split())
    text = f"# {problem.status} {_title(problem.status)}: {line}\necho {shlex.quote(line)} >&2; false\n"
    return PlainTextResponse(text, problem.status, problem.headers)


def _own(error: TurnoutError) -> Problem:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    wait = error.retry_after_seconds
    if wait is None and status == 503 and isinstance(error, errors.OverloadedError):
        wait = 1.0
    headers = {"Retry-After": str(max(1, math.ceil(wait)))} if wait is not None and status == 503 else {}
    return Problem(
        status,
        error.message,
        kind=type(error).__name__,
        headers=headers,
        model=error.model,
        backend=error.backend,
        field=getattr(error, "field", None),
        next_step=error.next_step,
        retry_after_seconds=wait,
    )


def _title(status: int) -> str:
    return "Client Closed Request" if status == CLIENT_CLOSED else HTTPStatus(status).phrase
