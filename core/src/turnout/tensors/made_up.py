"""Inputs of zeros that fit a signature."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import BYTES, TensorSpec


def zeros_of(specs: Iterable[TensorSpec], most_bytes: int) -> dict[str, NDArray[np.generic]] | None:
    """Return an array of zeros, or of empty BYTES, for each input that is not optional; a size of -1 becomes 1.

    A mask of integers or of BOOL has ones: a mask of zeros hides every token, which models refuse.
    None where a shape is unknown, or all of them together would take more than ``most_bytes``.
    """
    needed = [spec for spec in specs if not spec.optional]
    shapes = [spec.shape for spec in needed if spec.shape is not None]
    if not needed or len(shapes) < len(needed):
        return None
    sizes = [tuple(1 if size < 0 else size for size in shape) for shape in shapes]
    # math.prod, because numpy's product overflows.
    if sum(math.prod(size) * spec.dtype.itemsize for size, spec in zip(sizes, needed, strict=True)) > most_bytes:
        return None
    return {spec.name: _make(spec, size) for spec, size in zip(needed, sizes, strict=True)}


def _make(spec: TensorSpec, size: tuple[int, ...]) -> NDArray[np.generic]:
    if spec.datatype == BYTES:
        return np.full(size, b"", object)
    is_mask = "mask" in spec.name.lower() and spec.dtype.kind in "iub"
    return np.ones(size, spec.dtype) if is_mask else np.zeros(size, spec.dtype)
