"""Closeness of the outputs of a file to torch's, by the precision that the model computes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import datatype_of

# A wrong graph differs by far more; this is not the tolerance of two runtimes. In half precision they round differently: a unit
# in the last place is 1e-3 of a value in float16 and 8e-3 in bfloat16, and a layer or two add up to a few units.
RELATIVE_ERRORS: Mapping[str, float] = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 4e-2}


def is_close(expected: NDArray[Any], actual: NDArray[Any], relative_error: float) -> bool:
    """Return whether floats differ by at most ``relative_error`` of the greatest value, and all else is equal."""
    if expected.shape != actual.shape:
        return False
    if not _is_float(expected):
        return bool(np.array_equal(expected, actual))
    want, got = _as_float64(expected), _as_float64(actual)
    return bool(np.allclose(got, want, rtol=relative_error, atol=relative_error * scale_of(expected), equal_nan=True))


def is_as_close_to_truth(expected: NDArray[Any], actual: NDArray[Any], truth: NDArray[Any], relative_error: float) -> bool:
    """Return whether ``actual`` is about as close to ``truth``, the answer in float32, as ``expected`` is.

    A deep model in half precision may be far from its own float32 answer; a file need not be closer to it than torch.
    """
    if not expected.shape == actual.shape == truth.shape or not _is_float(expected):
        return False
    allowed = 2 * greatest_difference(truth, expected) + relative_error * scale_of(truth)
    finite = np.isfinite(_as_float64(actual)) == np.isfinite(_as_float64(truth))
    return bool(finite.all()) and greatest_difference(truth, actual) <= allowed


def greatest_difference(expected: NDArray[Any], actual: NDArray[Any]) -> float:
    """Return the greatest difference of finite floats; 0 for other datatypes."""
    if not _is_float(expected):
        return 0.0
    want, got = _as_float64(expected), _as_float64(actual)
    finite = np.isfinite(want) & np.isfinite(got)
    return float(np.abs(got[finite] - want[finite]).max(initial=0.0))


def scale_of(array: NDArray[Any]) -> float:
    """Return the greatest finite value."""
    values = np.abs(_as_float64(array))
    return float(values[np.isfinite(values)].max(initial=0.0))


def _is_float(array: NDArray[Any]) -> bool:
    return datatype_of(array.dtype) in ("FP16", "BF16", "FP32", "FP64")


def _as_float64(array: NDArray[Any]) -> NDArray[np.float64]:
    return array.astype(np.float64)
