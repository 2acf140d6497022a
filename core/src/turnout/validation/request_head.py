"""The parts of a request that are no tensors: its deadline, id and parameters."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from turnout.deadlines import LONGEST_WAIT_SECONDS, check_number
from turnout.error_text import type_name
from turnout.errors import InvalidRequestError, TurnoutError, text_of
from turnout.inference import EMPTY, NO_ID, InferenceRequest

PRIORITY = "priority"


def plain_head(request: InferenceRequest) -> InferenceRequest:
    """Return ``request`` with a deadline, an id and parameters that every backend and protocol carries.

    It is the same request, but for a deadline beyond 20 days, which ends there, and parameters that are not in a dict.

    Raises:
        InvalidRequestError: one of the three cannot be carried.
    """
    if request.id is not NO_ID and not (type(request.id) is str and request.id.isascii()):
        _check_text("the id of a request", request.id, "id")
    if request.parameters is not EMPTY:
        request = _with_plain_parameters(request)
    deadline = request.deadline
    if deadline is None or (type(deadline) is float and deadline - time.monotonic() < LONGEST_WAIT_SECONDS):
        return request
    check_number(deadline, "a deadline on time.monotonic()'s clock", "add the seconds to time.monotonic()")
    latest = time.monotonic() + LONGEST_WAIT_SECONDS
    return replace(request, deadline=float(max(-latest, min(deadline, latest))))


def _with_plain_parameters(request: InferenceRequest) -> InferenceRequest:
    if type(request.parameters) is not dict:
        request = replace(request, parameters=_read(request.parameters))
    for name, value in request.parameters.items():
        _check_parameter(name, value)
    return request


def _check_text(what: str, text: object, field: str) -> None:
    if not issubclass(type(text), str):
        raise InvalidRequestError(f"{what} is text, got {type_name(text)}; pass a str", field=field)
    try:
        str.encode(text, "utf-8")  # type: ignore[arg-type]  # a str by its type
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"{what} cannot be encoded: {error.reason} at {error.start}; pass text without half a surrogate pair", field=field
        ) from error


def _read(parameters: object) -> dict[str, Any]:
    try:
        if isinstance(parameters, Mapping):
            return dict(parameters.items())
    except TurnoutError:
        raise
    except Exception as error:
        raise InvalidRequestError(
            f"parameters of type {type_name(parameters)} cannot be read: {text_of(error)}; pass a dict", field="parameters"
        ) from error
    raise InvalidRequestError(f"parameters map names to values, got {type_name(parameters)}; pass a dict", field="parameters")


def _check_parameter(name: object, value: object) -> None:
    _check_text("the name of a parameter", name, "parameters")
    if name != PRIORITY and issubclass(type(value), str):
        _check_text(f"parameter {name!r}", value, "parameters")
    elif not (_is_priority(value) if name == PRIORITY else _is_number(value)):
        raise InvalidRequestError(
            f"the parameter {name!r} of a request is {_describe_value(value)}; "
            "a parameter is text, a finite number, an INT64 or a boolean, and 'priority' a whole number from 0 on",
            field="parameters",
        )


def _describe_value(value: object) -> str:
    return repr(value) if type(value) in (int, float, bool, type(None)) else f"of type {type_name(value)}"


def _is_priority(value: Any) -> bool:
    # Triton reads the priority as UINT64, every other whole number as INT64.
    return issubclass(type(value), int) and type(value) is not bool and 0 <= value < 2**64


def _is_number(value: Any) -> bool:
    if issubclass(type(value), float):
        return math.isfinite(value)  # JSON has neither NaN nor infinity
    return issubclass(type(value), int) and -(2**63) <= value < 2**63
