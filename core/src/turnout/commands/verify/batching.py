"""Effect of batching on answers: each row is sent alone and in a batch, to separate batching from the backend as the cause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from turnout.commands.batch_rows import Row
from turnout.inference import InferenceResponse
from turnout.parity import Parity, Tolerances, Verdict, compare
from turnout.tensors.rows import MERGED_ROWS_ADVICE, affordable_size, batch_sizes, find_shape_dependence, stack_rows

Send = Callable[[Row], InferenceResponse]
"""Returns the answer to inputs, or a response with ``error`` set."""

DISTINCT_ROWS = 8
"""The number of rows that are sent alone; a larger batch repeats them."""
SHOWN_ROWS = 8


@dataclass(frozen=True, slots=True)
class BatchParity:
    """The effect of batching on the answers of one arm.

    Attributes:
        backend: the arm.
        rows: the rows of the largest batch that was sent, or of the first in which an answer changed.
        sizes: the sizes of all batches that were sent.
        largest: the largest size that the model accepts; above ``rows`` if such a batch would take too long.
        changed: the rows, from 0, whose answer in the batch differs from their answer alone.
        different_alone: the rows whose answer alone differs from the reference arm's.
        unsteady: the rows of ``changed`` whose answer alone differs at a second call: the cause is chance, not batching.
        text: the finding, in one line; empty if there is none.
    """

    backend: str
    rows: int
    sizes: tuple[int, ...] = ()
    largest: int = 0
    changed: tuple[int, ...] = ()
    different_alone: tuple[int, ...] = ()
    unsteady: tuple[int, ...] = ()
    text: str = ""

    @property
    def verdict(self) -> Verdict:
        """MISMATCH if batching, or chance, changes answers."""
        return Verdict.MISMATCH if self.changed else Verdict.MATCH


def compare_batching(
    arms: Mapping[str, Send],
    rows: Sequence[Row],
    tolerances: Tolerances,
    *,
    largest: int | None = None,
    budget_seconds: float = 30.0,
) -> list[BatchParity]:
    """Send ``rows`` one by one and in batches of 2, 3 and ``largest`` to every arm, of which the first is the reference.

    Blocks. A batch with more rows than ``rows`` repeats them; ``largest`` is their number if None. The largest batch is smaller
    if it would take more than ``budget_seconds``. An arm gets no further batch after one that changes answers.
    """
    results: list[BatchParity] = []
    reference: list[InferenceResponse] = []
    for backend, send in arms.items():
        alone = [send(row) for row in rows]
        reference = reference or alone
        different = _mismatches(compare(one, other, tolerances) for one, other in zip(reference, alone, strict=True))
        arm = _Arm(backend, send, rows, alone, different, tolerances)
        results.append(_compare_sizes(arm, largest or len(rows), budget_seconds))
    return results


@dataclass(frozen=True, slots=True)
class _Arm:
    """An arm with the answers that its rows get alone."""

    backend: str
    send: Send
    rows: Sequence[Row]
    alone: Sequence[InferenceResponse]
    different_alone: tuple[int, ...]
    tolerances: Tolerances


def _compare_sizes(arm: _Arm, largest: int, budget_seconds: float) -> BatchParity:
    result = BatchParity(arm.backend, 1, (), largest, different_alone=arm.different_alone)
    seconds_per_row = 0.0
    for wanted in batch_sizes(largest):
        size = affordable_size(wanted, arm.rows, seconds_per_row, budget_seconds)
        if size in result.sizes:
            continue
        started = time.monotonic()
        response = arm.send(stack_rows(arm.rows, size))
        seconds_per_row = (time.monotonic() - started) / size
        result = replace(_compare_batch(arm, response, size), sizes=(*result.sizes, size), largest=largest)
        if result.changed:
            break
    return result


def _compare_batch(arm: _Arm, response: InferenceResponse, size: int) -> BatchParity:
    alone = [arm.alone[index % len(arm.alone)] for index in range(size)]
    together, dependence = _split_response(response, alone)
    parities = [compare(one, other, arm.tolerances) for one, other in zip(alone, together, strict=True)]
    changed = _mismatches(parities)
    unsteady = tuple(row for row in changed if _is_unsteady(arm, row))
    mismatch = dependence or (parities[changed[0]].text if changed else "")
    text = _text(arm, size, mismatch, changed, unsteady)
    if text and not unsteady and response.error is None:
        text = f"{text}; {MERGED_ROWS_ADVICE}"
    return BatchParity(arm.backend, size, (), size, changed, arm.different_alone, unsteady, text)


def _is_unsteady(arm: _Arm, row: int) -> bool:
    index = row % len(arm.rows)
    return compare(arm.alone[index], arm.send(arm.rows[index]), arm.tolerances).verdict is not Verdict.MATCH


def _mismatches(parities: Iterable[Parity]) -> tuple[int, ...]:
    return tuple(row for row, parity in enumerate(parities) if parity.verdict is not Verdict.MATCH)


def _split_response(response: InferenceResponse, alone: Sequence[InferenceResponse]) -> tuple[list[InferenceResponse], str]:
    """Return the answer of each row, and how the shape of an output depends on the batch; such an output is left out."""
    count = len(alone)
    if response.error is not None:
        return [response] * count, ""
    rows = {name: array for name, array in response.items() if array.ndim and array.shape[0] == count}
    answers = [InferenceResponse({name: array[row : row + 1] for name, array in rows.items()}) for row in range(count)]
    return answers, "" if any(one.error for one in alone) else find_shape_dependence(alone, response)


def _text(arm: _Arm, count: int, mismatch: str, changed: tuple[int, ...], unsteady: tuple[int, ...]) -> str:
    if not changed:
        return ""
    listed = f"{', '.join(map(str, changed[:SHOWN_ROWS]))}{' and more' * (len(changed) > SHOWN_ROWS)}"
    rows = f"row{'s' * (len(changed) > 1)} {listed} of a batch of {count}"
    if unsteady:
        return f"the answers of {arm.backend!r} to {rows} change from call to call, even alone: {mismatch}"
    different = {row for row in changed if row % len(arm.rows) in arm.different_alone}
    cause = "" if different else ", not the backend,"
    return f"batching{cause} changes answers: {arm.backend!r} answers {rows} differently than alone: {mismatch}"
