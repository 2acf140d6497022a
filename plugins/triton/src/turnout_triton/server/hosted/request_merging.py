"""The requests of one execution, merged into batches; each caller gets its own rows.

If a merged batch fails, its requests are run one by one: only the bad ones fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[Arrays], Arrays]
Outcome = Arrays | Exception


def run_merged(requests: Sequence[Arrays], run: Run) -> list[Outcome]:
    """Return the outputs or the error of each of ``requests``; axis 0 of every tensor is the batch."""
    outcomes: list[Outcome] = [ValueError("not run")] * len(requests)
    for group in _groups(requests):
        for index, outcome in zip(group, _run_group([requests[index] for index in group], run), strict=True):
            outcomes[index] = outcome
    return outcomes


def run_each(requests: Sequence[Arrays], run: Run) -> list[Outcome]:
    """Return the outputs or the error of each of ``requests``, run one by one."""
    return [_attempt(request, run) for request in requests]


def _run_group(requests: Sequence[Arrays], run: Run) -> list[Outcome]:
    if len(requests) == 1:
        return run_each(requests, run)
    rows = [len(next(iter(request.values()))) for request in requests]
    merged = {name: np.concatenate([request[name] for request in requests]) for name in requests[0]}
    outputs = _attempt(merged, run)
    if isinstance(outputs, Exception) or any(not has_rows(output, sum(rows)) for output in outputs.values()):
        return run_each(requests, run)
    ends = np.cumsum(rows)
    return [
        {name: output[end - count : end] for name, output in outputs.items()} for count, end in zip(rows, ends, strict=True)
    ]


def has_rows(output: NDArray[Any], rows: int) -> bool:
    """Return whether ``output`` has one row for each row of the batch."""
    return output.ndim > 0 and output.shape[0] == rows


def _attempt(request: Arrays, run: Run) -> Outcome:
    try:
        return run(request)
    except Exception as error:  # noqa: BLE001  # any error of a runtime is the outcome of this request
        return error


def _groups(requests: Sequence[Arrays]) -> Iterator[list[int]]:
    """Yield the indexes of requests that can be one batch: same names, datatypes and shapes after axis 0, equal row counts."""
    found: dict[object, list[int]] = {}
    for index, request in enumerate(requests):
        mergeable = request and len({array.shape[:1] for array in request.values()}) == 1
        shapes = tuple(sorted((name, str(array.dtype), array.shape[1:]) for name, array in request.items()))
        found.setdefault(shapes if mergeable and all(a.ndim for a in request.values()) else index, []).append(index)
    yield from found.values()
