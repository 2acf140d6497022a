"""Effect of batching on answers: each row is sent alone and in a batch, to separate batching from the backend as the cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.inference import InferenceResponse
from turnout.parity import Parity, Tolerances, Verdict, compare

Row = Mapping[str, NDArray[Any]]
Send = Callable[[Row], InferenceResponse]
"""Returns the answer to inputs, or a response with ``error`` set."""


@dataclass(frozen=True, slots=True)
class BatchParity:
    """The effect of batching on the answers of one arm.

    Attributes:
        backend: the arm.
        rows: the number of rows, sent one by one and then as one batch.
        changed: the rows, from 0, whose answer in the batch differs from their answer alone.
        different_alone: the rows whose answer alone differs from the reference arm's.
        unsteady: the rows of ``changed`` whose answer alone differs at a second call: the cause is chance, not batching.
        text: the finding, in one line; empty if there is none.
    """

    backend: str
    rows: int
    changed: tuple[int, ...] = ()
    different_alone: tuple[int, ...] = ()
    unsteady: tuple[int, ...] = ()
    text: str = ""

    @property
    def verdict(self) -> Verdict:
        """MISMATCH if batching, or chance, changes answers."""
        return Verdict.MISMATCH if self.changed else Verdict.MATCH


def split_rows(requests: Iterable[Row], count: int) -> list[Row]:
    """Return ``count`` rows of requests whose first axis is a batch axis, all of the shapes of the first row.

    If there are fewer rows, they are repeated: a batch of equal rows must get equal answers too.
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
    return list(islice(cycle(rows), count)) if rows else []


def compare_batching(arms: Mapping[str, Send], rows: Sequence[Row], tolerances: Tolerances) -> list[BatchParity]:
    """Send ``rows`` one by one and as one batch to every arm, of which the first is the reference; blocks."""
    batch = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    results: list[BatchParity] = []
    reference: list[InferenceResponse] = []
    for backend, send in arms.items():
        alone = [send(row) for row in rows]
        reference = reference or alone
        together = _split_response(send(batch), len(rows))
        parities = [compare(one, other, tolerances) for one, other in zip(alone, together, strict=True)]
        changed = _mismatches(parities)
        different = _mismatches(compare(one, other, tolerances) for one, other in zip(reference, alone, strict=True))
        unsteady = tuple(
            row for row in changed if compare(alone[row], send(rows[row]), tolerances).verdict is not Verdict.MATCH
        )
        text = _text(backend, len(rows), parities, changed, different, unsteady)
        results.append(BatchParity(backend, len(rows), changed, different, unsteady, text))
    return results


def _mismatches(parities: Iterable[Parity]) -> tuple[int, ...]:
    return tuple(row for row, parity in enumerate(parities) if parity.verdict is not Verdict.MATCH)


def _split_response(response: InferenceResponse, count: int) -> list[InferenceResponse]:
    """Return the answer of each row; an output without an axis of ``count`` rows is left out, so the comparison misses it."""
    if response.error is not None:
        return [response] * count
    rows = {name: array for name, array in response.items() if array.ndim and array.shape[0] == count}
    return [InferenceResponse({name: array[row : row + 1] for name, array in rows.items()}) for row in range(count)]


def _batch_size(request: Row) -> int:
    sizes = {array.shape[0] if array.ndim else 0 for array in request.values()}
    return sizes.pop() if len(sizes) == 1 else 0


def _shapes(row: Row) -> list[tuple[str, Any]]:
    return sorted((name, (array.dtype, array.shape)) for name, array in row.items())


def _text(
    backend: str,
    count: int,
    parities: Sequence[Parity],
    changed: tuple[int, ...],
    different: tuple[int, ...],
    unsteady: tuple[int, ...],
) -> str:
    if not changed:
        return ""
    rows = f"row{'s' * (len(changed) > 1)} {', '.join(map(str, changed))} of a batch of {count}"
    mismatch = parities[changed[0]].text
    if unsteady:
        return f"the answers of {backend!r} to {rows} change from call to call, even alone: {mismatch}"
    cause = "" if set(changed) & set(different) else ", not the backend,"
    return f"batching{cause} changes answers: {backend!r} answers {rows} differently than alone: {mismatch}"
