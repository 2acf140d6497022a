"""Whether a row is answered alike alone and in a batch: what changes answers, the backend or the batching?"""

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
Ask = Callable[[Row], InferenceResponse]
"""Answers inputs; a response whose ``error`` is set says why not."""


@dataclass(frozen=True, slots=True)
class BatchParity:
    """What batching does to the answers of one arm.

    Attributes:
        backend: the arm.
        rows: how many rows were sent, one by one and then together.
        changed: the rows that are answered otherwise together than alone, from 0.
        different: the rows that, alone, are answered otherwise than by the reference arm.
        unsteady: of ``changed``, those that are answered otherwise a second time alone: chance, not batching.
        text: what is wrong, in one line; empty if nothing is.
    """

    backend: str
    rows: int
    changed: tuple[int, ...] = ()
    different: tuple[int, ...] = ()
    unsteady: tuple[int, ...] = ()
    text: str = ""

    @property
    def verdict(self) -> Verdict:
        """MISMATCH if batching, or chance, changes answers."""
        return Verdict.MISMATCH if self.changed else Verdict.MATCH


def take_rows(requests: Iterable[Row], count: int) -> list[Row]:
    """Return ``count`` rows of requests whose first axis is a batch axis, all of the shapes that the first row has.

    Where there are fewer, they come again: a batch of equal rows must be answered alike too.
    """
    found: list[Row] = []
    for request in requests:
        size = _batch_size(request)
        for index in range(size):
            row = {name: array[index : index + 1] for name, array in request.items()}
            if not found or _shapes(row) == _shapes(found[0]):
                found.append(row)
            if len(found) == count:
                return found
    return list(islice(cycle(found), count)) if found else []


def compare_batching(arms: Mapping[str, Ask], rows: Sequence[Row], tolerances: Tolerances) -> list[BatchParity]:
    """Send ``rows`` one by one and together to every arm, of which the first is the reference; blocks."""
    batch = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    found: list[BatchParity] = []
    reference: list[InferenceResponse] = []
    for backend, ask in arms.items():
        alone = [ask(row) for row in rows]
        reference = reference or alone
        together = _rows_of(ask(batch), len(rows))
        parities = [compare(one, other, tolerances) for one, other in zip(alone, together, strict=True)]
        changed = _not_matching(parities)
        different = _not_matching(compare(one, other, tolerances) for one, other in zip(reference, alone, strict=True))
        unsteady = tuple(row for row in changed if compare(alone[row], ask(rows[row]), tolerances).verdict is not Verdict.MATCH)
        text = _text(backend, len(rows), parities, changed, different, unsteady)
        found.append(BatchParity(backend, len(rows), changed, different, unsteady, text))
    return found


def _not_matching(parities: Iterable[Parity]) -> tuple[int, ...]:
    return tuple(row for row, parity in enumerate(parities) if parity.verdict is not Verdict.MATCH)


def _rows_of(response: InferenceResponse, count: int) -> list[InferenceResponse]:
    """Return the answer of each row; what has no axis of that many rows is left out, and so missed by the comparison."""
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
    found = parities[changed[0]].text
    if unsteady:
        return f"{backend!r} answers {rows} otherwise at every call, even alone: {found}"
    blame = "" if set(changed) & set(different) else ", not the backend,"
    return f"batching{blame} changes answers: {backend!r} answers {rows} otherwise than alone: {found}"
