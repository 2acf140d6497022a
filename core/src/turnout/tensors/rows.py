"""Rows of a batch: the proof that each gets the answer that it gets alone.

A server with dynamic batching merges the requests of strangers. That is safe only if row i of every output depends on row i of
the inputs alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors.spec import describe

Arrays = Mapping[str, NDArray[Any]]
Agree = Callable[[str, NDArray[Any], NDArray[Any]], bool]
"""Returns whether an output's values, expected and actual, agree."""

MERGED_ROWS_ADVICE = (
    "merged requests would get each other's values: write 'max_batch_size: 1' in turnout.yaml, or 'max_batch_size: 0' with "
    "the batch axis in the declared shapes if callers send whole batches, or let each row of the outputs depend on its row of "
    "the inputs only"
)
BUDGET_SECONDS = 30.0
BUDGET_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class RowProof:
    """The result of a proof that rows are independent.

    Attributes:
        sizes: the batch sizes that were compared with single rows.
        text: the first dependence, without advice; empty if there is none.
        random: the answers of a row alone change from call to call.
    """

    sizes: tuple[int, ...]
    text: str = ""
    random: bool = False

    @property
    def advice(self) -> str:
        """The advice for ``text``."""
        return "remove dropout and sampling from the model" if self.random else MERGED_ROWS_ADVICE


def prove_rows(run: Callable[[Arrays], Arrays], rows: Sequence[Arrays], largest: int, agree: Agree) -> RowProof:
    """Run ``rows`` alone, and in batches of 2, 3 and ``largest``, and compare; stop at the first dependence. Blocks.

    ``rows`` are inputs with a batch axis of 1, three of different values or more; larger batches repeat them. The largest batch
    is smaller if it would take more than about 30 s or its inputs more than 512 MiB; ``sizes`` of the result says so. Errors of
    ``run`` pass through.
    """
    alone = [run(row) for row in rows]
    done: list[int] = []
    seconds_per_row = 0.0
    for wanted in batch_sizes(largest):
        size = affordable_size(wanted, rows, seconds_per_row)
        if size in done:
            continue
        started = time.monotonic()
        together = run(stack_rows(rows, size))
        seconds_per_row = (time.monotonic() - started) / size
        done.append(size)
        text = find_shape_dependence([alone[index % len(rows)] for index in range(size)], together)
        if text:
            return RowProof(tuple(done), text)
        different = _find_difference(alone, together, size, agree)
        if different:
            name, row = different
            again = run(rows[row % len(rows)])[name]
            random = not agree(name, alone[row % len(rows)][name], again)
            return RowProof(tuple(done), _describe_difference(name, row, alone, together, random=random), random)
    return RowProof(tuple(done))


def batch_sizes(largest: int) -> tuple[int, ...]:
    """Return the batch sizes that a proof compares with single rows: 2, 3 and ``largest``; none below 2."""
    return tuple(sorted({size for size in (2, 3, largest) if 2 <= size <= largest}))


def affordable_size(wanted: int, rows: Sequence[Arrays], seconds_per_row: float, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Return ``wanted``, or the largest batch whose inputs and expected time stay within bounds, 3 at least."""
    row_bytes = max(1, sum(array.nbytes for array in rows[0].values()))
    limits = [BUDGET_BYTES // row_bytes, int(budget_seconds / seconds_per_row) if seconds_per_row else wanted]
    return max(min(wanted, 3), min(wanted, *limits))


def stack_rows(rows: Sequence[Arrays], size: int) -> dict[str, NDArray[Any]]:
    """Return a batch of ``size`` rows; fewer rows are repeated."""
    chosen = [rows[index % len(rows)] for index in range(size)]
    return {name: np.concatenate([row[name] for row in chosen]) for name in rows[0]}


def find_shape_dependence(alone: Sequence[Arrays], together: Arrays) -> str:
    """Return how the shape of an output depends on the other rows of a batch, in words; empty if none does."""
    size = len(alone)
    for name, single in alone[0].items():
        if name not in together:
            return f"output {name!r} is missing for a batch of {size}"
        array = together[name]
        both = f"output {name!r} is {describe(single)} for one row and {describe(array)} for a batch of {size}"
        if array.ndim == 0 or array.shape[0] != size or single.ndim != array.ndim or single.shape[0] != 1:
            return f"{both}: it has no row for each request"
        for index, row in enumerate(alone):
            axes = [axis for axis, own in enumerate(row[name].shape) if axis and own != array.shape[axis]]
            if axes:
                one = "one row" if index == 0 else f"row {index} alone"
                found = f"output {name!r} is {describe(row[name])} for {one} and {describe(array)} for a batch of {size}"
                return f"{found}: axis {axes[0]} depends on the other rows"
    return ""


def _find_difference(alone: Sequence[Arrays], together: Arrays, size: int, agree: Agree) -> tuple[str, int] | None:
    """Return the output and the first row that differs."""
    for row in range(size):
        for name, expected in alone[row % len(alone)].items():
            if not agree(name, expected, together[name][row : row + 1]):
                return name, row
    return None


def _describe_difference(name: str, row: int, alone: Sequence[Arrays], together: Arrays, *, random: bool) -> str:
    if random:
        return f"row {row} of output {name!r} changes from call to call, even alone"
    expected, actual = alone[row % len(alone)][name], together[name][row : row + 1]
    text = f"row {row} of output {name!r} differs alone and in a batch of {len(together[name])}"
    if expected.dtype.kind == "O":
        return text
    difference = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    return f"{text}, by up to {np.nanmax(difference, initial=0.0):.3g}"
