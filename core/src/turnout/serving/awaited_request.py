"""Requests made in an event loop, of anything that numpy can convert."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from numpy import ndarray

from turnout.awaiting import Threads, run_in
from turnout.deadlines import deadline_after
from turnout.errors import DeadlineExceededError
from turnout.inference import InferenceRequest, Parameter, request_of
from turnout.tensors.copies import is_small


def request_at_once(
    inputs: InferenceRequest | Mapping[str, Any],
    timeout_seconds: float | None,
    id: str,
    parameters: Mapping[str, Parameter],
) -> InferenceRequest | None:
    """Return ``request_of(inputs, ...)`` if that takes no longer than the way to a thread; None for what should go there.

    Raises:
        InvalidRequestError: as ``request_of``.
    """
    if type(inputs) is dict:
        # The caller may change its mapping while the request is in flight. Of other mappings a request makes its own.
        inputs = inputs.copy()
        is_quick = _are_numbers(inputs) or is_small(inputs)
    else:
        # Not isinstance: a foreign object's __class__ may raise.
        is_quick = issubclass(type(inputs), InferenceRequest)
    return request_of(inputs, timeout_seconds, id, parameters) if is_quick else None


async def request_in(
    threads: Threads,
    inputs: InferenceRequest | Mapping[str, Any],
    timeout_seconds: float | None,
    id: str,
    parameters: Mapping[str, Parameter],
) -> InferenceRequest:
    """Return ``request_of(inputs, ...)``, made in one of ``threads``.

    Raises:
        InvalidRequestError: as ``request_of``.
        DeadlineExceededError: the deadline passed during the conversion.
    """
    given = inputs.copy() if type(inputs) is dict else inputs
    deadline = None if timeout_seconds is None else deadline_after(timeout_seconds)
    try:
        made = await run_in(threads, partial(request_of, given, None, id, parameters), deadline)
    except TimeoutError:
        raise DeadlineExceededError("the inputs were still being converted at the deadline; give a longer timeout") from None
    return InferenceRequest(made.inputs, deadline, made.id, made.parameters)


def _are_numbers(inputs: Mapping[str, Any]) -> bool:
    """Return whether all are arrays that are used as they are, whatever their size."""
    for value in inputs.values():
        if type(value) is not ndarray or not value.dtype.isnative or value.dtype.kind in "OSU":
            return False
    return True
