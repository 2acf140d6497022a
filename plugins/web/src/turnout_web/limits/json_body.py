"""JSON bodies within the limits of the settings."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from turnout.files.limits import FileLimits
from turnout.files.strict_json import JsonLimitError, parse_json
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings


async def read_json(request: Request) -> Any:
    """Return the JSON value in the body of ``request``.

    Raises:
        Problem: 415 for another media type; 413 or 400 for a body that is too large, is no JSON, or is outside of the limits.
    """
    check_media_type(request.headers.get("content-type", ""))
    return parse_request_json(await request.body(), request.app.state.settings)


def check_media_type(content_type: str) -> None:
    """Raise Problem 415 unless ``content_type`` is JSON, or is not given."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Problem(
            415, f"the media type of the body must be application/json, got {kind!r}", headers={"Accept": "application/json"}
        )


def parse_request_json(body: bytes, settings: ServeSettings, what: str = "the body", advice: str = "") -> Any:
    """Return the JSON value that ``body`` is, called ``what`` in messages; ``advice`` ends the one that it is not JSON.

    Raises:
        Problem: 413 or 400.
    """
    if len(body) > settings.max_body_bytes:
        raise too_large(len(body), settings.max_body_bytes)
    limits = FileLimits(what, settings.max_body_bytes, settings.max_json_depth, settings.max_json_values)
    try:
        return parse_json(body, limits)
    except json.JSONDecodeError as error:
        reason = "is empty; send a value of JSON" if not body.strip() else f"is not JSON: {error}{advice}"
        raise Problem(400, f"{what} {reason}") from error
    except ValueError as error:
        raise Problem(400, f"{what} cannot be used: {with_way_out(error)}") from error


def with_way_out(error: ValueError) -> str:
    """Return the text of an error of JSON; of one beyond a limit of the settings with what to do."""
    if not isinstance(error, JsonLimitError):
        return str(error)
    option = f"--{error.limit.replace('max_', 'max-json-')}"
    return f"{error}; send less, or start the server with a larger {option}"


def too_large(found: int | None, limit: int) -> Problem:
    """Return the problem of a body that is larger than ``limit``; ``found`` is None if its size is not known."""
    size = f", this one has {found}" if found is not None else ""
    return Problem(
        413, f"a body has {limit} bytes at most{size}; send less, or start the server with a larger --max-body-bytes"
    )
