"""The end of a request from outside: its client has left or is too slow, or the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from turnout_web.problems import CLIENT_CLOSED, Problem

_TASK, _REASON = "turnout.task", "turnout.reason"


def register_task(scope: MutableMapping[str, Any]) -> None:
    """Let ``end_request`` end the request of ``scope``, which runs in the present task."""
    scope[_TASK] = asyncio.current_task()


def end_request(scope: MutableMapping[str, Any], reason: Problem) -> None:
    """Cancel the request of ``scope``; its answer is ``reason``, if it has no other yet."""
    task = scope.get(_TASK)
    if task is not None and not task.done():
        scope.setdefault(_REASON, reason)
        task.cancel()


def end_reason(scope: MutableMapping[str, Any]) -> Problem | None:
    """Return the reason of the present cancellation, which ends with it; None if it is another one."""
    reason: Problem | None = scope.pop(_REASON, None)
    task = asyncio.current_task()
    if reason is not None and task is not None:
        task.uncancel()
    return reason


def client_gone() -> Problem:
    """Return the reason of a client that closed its connection; no answer reaches it."""
    return Problem(CLIENT_CLOSED, "the client closed the connection before it was answered")
