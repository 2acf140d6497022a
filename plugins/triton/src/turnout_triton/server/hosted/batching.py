"""Answering the requests of one execution together, so that each caller gets its own rows.

A failing batch is asked again one by one: only the guilty fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[Arrays], Arrays]
Answer = Arrays | Exception


def answer_all(requests: Sequence[Arrays], run: Run) -> list[Answer]:
    """Return the outputs of each of ``requests``, or what went wrong with it; axis 0 of every tensor is the batch."""
    answers: list[Answer] = [ValueError("not answered")] * len(requests)
    for group in _groups(requests):
        for index, answer in zip(group, _answer_group([requests[index] for index in group], run), strict=True):
            answers[index] = answer
    return answers


def answer_each(requests: Sequence[Arrays], run: Run) -> list[Answer]:
    """Return the outputs of each of ``requests``, asked one by one, or what went wrong with it."""
    return [_attempt(request, run) for request in requests]


def _answer_group(requests: Sequence[Arrays], run: Run) -> list[Answer]:
    if len(requests) == 1:
        return answer_each(requests, run)
    rows = [len(next(iter(request.values()))) for request in requests]
    merged = {name: np.concatenate([request[name] for request in requests]) for name in requests[0]}
    outputs = _attempt(merged, run)
    if isinstance(outputs, Exception) or any(not has_rows(output, sum(rows)) for output in outputs.values()):
        return answer_each(requests, run)
    ends = np.cumsum(rows)
    return [
        {name: output[end - count : end] for name, output in outputs.items()} for count, end in zip(rows, ends, strict=True)
    ]


def has_rows(output: NDArray[Any], rows: int) -> bool:
    """Tell whether ``output`` has one row for each of the batch."""
    return output.ndim > 0 and output.shape[0] == rows


def _attempt(request: Arrays, run: Run) -> Answer:
    try:
        return run(request)
    except Exception as error:  # noqa: BLE001  # whatever a runtime raises becomes the answer of this request
        return error


def _groups(requests: Sequence[Arrays]) -> Iterator[list[int]]:
    """Yield the places of requests that can be one batch: same names, datatypes, shapes behind axis 0, equal rows in each."""
    found: dict[object, list[int]] = {}
    for index, request in enumerate(requests):
        mergeable = request and len({array.shape[:1] for array in request.values()}) == 1
        shapes = tuple(sorted((name, str(array.dtype), array.shape[1:]) for name, array in request.items()))
        found.setdefault(shapes if mergeable and all(a.ndim for a in request.values()) else index, []).append(index)
    yield from found.values()
