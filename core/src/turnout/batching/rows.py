"""Rows of tensors: which requests may share a batch, and their concatenation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from turnout.batching.rules import SCHEDULING_PARAMETERS
from turnout.inference import EMPTY, InferenceRequest

Group = tuple[object, ...]
"""The names, datatypes, shapes without the batch axis, and parameters that all requests of one batch have."""


def rows_and_group(request: InferenceRequest) -> tuple[int, Group | None]:
    """Return the size of the batch axis of ``request`` and its group; None for a request that runs alone.

    Alone runs a request without rows, whose inputs have different sizes on the first axis, or with a tensor on a GPU.
    """
    rows, parts = -1, []
    for name, array in request.inputs.items():
        if type(array) is not ndarray or not array.ndim:
            return 1, None
        size, *shape = array.shape
        if rows not in (-1, size):
            return max(rows, size), None
        rows = size
        parts.append((name, array.dtype, *shape))
    if rows < 1:
        return max(rows, 0), None
    if len(parts) > 1:
        parts.sort(key=lambda part: part[0])
    return rows, (*parts, *_parameters(request.parameters))


def count_rows(request: InferenceRequest) -> int:
    """Return the size of the batch axis of ``request``; 1 without one."""
    for array in request.inputs.values():
        return array.shape[0] if array.shape else 1
    return 1


def _parameters(parameters: Mapping[str, Any]) -> Group:
    if parameters is EMPTY:
        return ()
    # With their types, since True equals 1.
    return tuple((name, type(value), value) for name, value in sorted(parameters.items()) if name not in SCHEDULING_PARAMETERS)


def merge_requests(requests: Sequence[InferenceRequest], deadline: float | None) -> InferenceRequest:
    """Return one request with the rows of all ``requests``, which are of one group, in their order."""
    first = requests[0]
    inputs = {name: np.concatenate([request.inputs[name] for request in requests]) for name in first.inputs}
    parameters = {name: value for name, value in first.parameters.items() if name not in SCHEDULING_PARAMETERS}
    return InferenceRequest(inputs, deadline, parameters=parameters or EMPTY)
