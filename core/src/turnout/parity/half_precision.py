"""Half precision in FP32 tensors: a model that computes in FP16 or BF16 often converts its outputs."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

# Fewer different values may have so few digits by chance.
DISTINCT_VALUES = 64
SAMPLE = 1 << 14


def half_precision_of(*arrays: NDArray[Any]) -> str | None:
    """Return ``BF16`` or ``FP16`` if every FP32 array holds values of that precision only, else None.

    Both answers must: a backend that computes in FP32 gives values with more digits.
    """
    for datatype, dtype in (("BF16", ml_dtypes.bfloat16), ("FP16", np.float16)):
        if all(_holds_only(array, np.dtype(dtype)) for array in arrays):
            return datatype
    return None


def _holds_only(array: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    values = array.reshape(-1)
    sample = values[:: max(1, values.size // SAMPLE)]
    fractions = sample[np.isfinite(sample) & (sample != np.trunc(sample))]
    if np.unique(fractions).size < DISTINCT_VALUES or not _is_unchanged(fractions, dtype):
        return False
    return _is_unchanged(values, dtype)


def _is_unchanged(values: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.array_equal(values.astype(dtype).astype(np.float32), values, equal_nan=True))
