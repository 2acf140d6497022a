"""Requests made in an event loop, of anything that numpy can convert."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from numpy import ndarray

from turnout.awaiting import Threads, run_in
from turnout.errors import DeadlineExceededError
from turnout.inference import InferenceRequest, Parameter, deadline_after, request_of
from turnout.tensors.copies import is_small


async def request_in(
    threads: Threads,
    inputs: InferenceRequest | Mapping[str, Any],
    timeout_seconds: float | None,
    id: str,
    parameters: Mapping[str, Parameter],
) -> InferenceRequest:
    """Return ``request_of(inputs, ...)``; in one of ``threads`` what is no array of numbers, unless it is small.

    Raises:
        InvalidRequestError: as ``request_of``.
        DeadlineExceededError: the deadline passed during the conversion.
    """
    # A copy: the caller may change its mapping while the request is in flight. Of other mappings a request makes its own.
    given = inputs.copy() if type(inputs) is dict else inputs
    # Not isinstance: a foreign object's __class__ may raise.
    if issubclass(type(given), InferenceRequest) or is_small(given) or _are_numbers(given):
        return request_of(given, timeout_seconds, id, parameters)
    deadline = None if timeout_seconds is None else deadline_after(timeout_seconds)
    try:
        made = await run_in(threads, partial(request_of, given, None, id, parameters), deadline)
    except TimeoutError:
        raise DeadlineExceededError("the inputs were still being converted at the deadline; give a longer timeout") from None
    return InferenceRequest(made.inputs, deadline, made.id, made.parameters)


def _are_numbers(inputs: object) -> bool:
    """Return whether ``inputs`` is a dict of arrays that are used as they are, whatever their size."""
    return type(inputs) is dict and all(
        type(value) is ndarray and value.dtype.isnative and value.dtype.kind not in "OSU" for value in inputs.values()
    )
