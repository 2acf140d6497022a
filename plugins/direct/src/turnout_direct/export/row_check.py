"""Check that the rows of an exported file do not depend on each other: a server merges requests of strangers into batches."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from turnout.errors import ExportError
from turnout.tensors import RowProof, prove_rows
from turnout_direct.export.closeness import is_close
from turnout_direct.export.file_format import FileFormat, Run
from turnout_direct.export.traceable import LARGEST_EXAMPLE, OTHER_SEEDS, Traceable

if TYPE_CHECKING:
    from turnout.tensors.rows import Arrays

logger = logging.getLogger(__name__)


def check_rows(run: Run, traceable: Traceable, form: FileFormat) -> tuple[int, ...]:
    """Return the batch sizes in which each row was answered as if it were alone; none if a server merges no requests.

    Raises:
        ExportError: an output has rows that depend on each other, or no row for each request.
    """
    if traceable.max_batch_size < 2 or not all(axes.get(0) == "batch" for axes in traceable.free_axes()):
        return ()
    proof = _prove(run, traceable, 0)
    if proof.text and traceable.decoding is not None and not any(_prove(run, traceable, seed).text for seed in OTHER_SEEDS):
        # If two tokens are equally likely, rounding decides between them, and it may depend on the size of a batch.
        logger.warning("model %r: %s, but not for other batches: two tokens tie", traceable.model, proof.text)
        return proof.sizes
    if proof.text:
        raise ExportError(
            f"model {traceable.model!r} ({traceable.label}) was written as {form.title}, but its rows depend on each other: "
            f"{proof.text}; {proof.advice}, or keep the model on the backend 'direct'"
        )
    return proof.sizes


def _prove(run: Run, traceable: Traceable, seed: int) -> RowProof:
    import torch

    count, largest = (2, 2) if traceable.has_large_rows() else (LARGEST_EXAMPLE, traceable.max_batch_size)
    example = traceable.example(min(count, largest), seed)
    names = [spec.name for spec in traceable.inputs]
    rows = [
        {name: tensor[row : row + 1].numpy() for name, tensor in zip(names, example, strict=True)}
        for row in range(len(example[0]))
    ]

    def answer(inputs: Arrays) -> Arrays:
        tensors = tuple(torch.from_numpy(inputs[name]) for name in names)
        return dict(zip(traceable.outputs, run(tensors), strict=True))

    return prove_rows(answer, rows, largest, lambda _, alone, together: is_close(alone, together, traceable.relative_error))
