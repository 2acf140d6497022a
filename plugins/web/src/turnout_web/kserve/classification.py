"""The best classes of an output, in the form of the classification extension: ``VALUE:INDEX``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidRequestError


def best_classes(array: NDArray[Any], count: int, name: str, *, is_batched: bool) -> NDArray[Any]:
    """Return BYTES of the ``count`` largest values of each row, or of all elements if the model has no batch axis.

    Raises:
        InvalidRequestError: the output has no numbers that could be compared.
    """
    if array.dtype.kind not in "iufV":
        raise InvalidRequestError(
            f"output {name!r} has no numbers to classify; ask for it without 'classification'", field="outputs"
        )
    values = array.astype(np.float32) if array.dtype.kind == "V" else array
    rows = values.reshape(values.shape[0], -1) if is_batched and values.ndim and values.size else values.reshape(1, -1)
    count = min(count, rows.shape[1])
    best = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :count]
    found = [[_text(row[index], index) for index in indices] for row, indices in zip(rows, best, strict=True)]
    shape = (len(rows), count) if is_batched else (count,)
    return np.array(found, dtype=object).reshape(shape)


def _text(value: Any, index: int) -> bytes:
    text = f"{value:.6f}" if value.dtype.kind == "f" else str(value)
    return f"{text}:{index}".encode()
