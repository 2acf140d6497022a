"""Rows for a proof of batching: single rows of requests, with different values in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, NDArray[Any]]


def split_rows(requests: Iterable[Row], count: int) -> list[Row]:
    """Return ``count`` rows of requests whose first axis is a batch axis, all of the shapes of the first row.

    If there are fewer rows, their values are repeated in another order: a mean over equal rows would look like no mean.
    """
    rows: list[Row] = []
    for request in requests:
        size = _batch_size(request)
        for index in range(size):
            row = {name: array[index : index + 1] for name, array in request.items()}
            if not rows or _shapes(row) == _shapes(rows[0]):
                rows.append(row)
            if len(rows) == count:
                return rows
    return [_shifted(row, index, len(rows)) for index, row in enumerate(islice(cycle(rows), count))] if rows else []


def shorten_masks(row: Row, places: int) -> Row:
    """Return ``row`` with integer masks of ones shortened at the end, as for padded prompts of several lengths.

    Two ones remain at least; ``places`` starts again from 0 there.
    """
    return {name: _shortened(name, array, places) for name, array in row.items()}


def _shifted(row: Row, index: int, count: int) -> Row:
    """Return ``row`` with its numbers moved ``index // count`` places: valid values that the model has seen, in another order.

    Tokens and masks stay: their order has a meaning.
    """
    places = index // count
    if not places:
        return row
    return {name: np.roll(array, places) if array.dtype.kind == "f" else array for name, array in row.items()}


def _shortened(name: str, array: NDArray[Any], places: int) -> NDArray[Any]:
    if "mask" not in name or array.dtype.kind not in "biu" or array.ndim != 2 or not array.all():
        return array
    width = array.shape[1]
    return np.where(np.arange(width) < width - places % max(1, width - 1), array, array.dtype.type(0))


def _batch_size(request: Row) -> int:
    sizes = {array.shape[0] if array.ndim else 0 for array in request.values()}
    return sizes.pop() if len(sizes) == 1 else 0


def _shapes(row: Row) -> list[tuple[str, Any]]:
    return sorted((name, (array.dtype, array.shape)) for name, array in row.items())
