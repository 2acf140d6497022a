"""Inputs of zeros that fit a signature."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import BYTES, TensorSpec

_LENGTH = 8


def zeros_of(specs: Iterable[TensorSpec], most_bytes: int) -> dict[str, NDArray[np.generic]] | None:
    """Return an array of zeros, or of empty BYTES, for each input that is not optional; a size of -1 becomes 1.

    A free length of token ids and their masks becomes 8: generating models refuse a prompt of one token.
    A mask of integers or of BOOL has ones: a mask of zeros hides every token, which models refuse.
    None where a shape is unknown, or all of them together would take more than ``most_bytes``.
    """
    needed = [spec for spec in specs if not spec.optional]
    shapes = [spec.shape for spec in needed if spec.shape is not None]
    if not needed or len(shapes) < len(needed):
        return None
    sizes = [_sizes(spec, shape) for spec, shape in zip(needed, shapes, strict=True)]
    # math.prod, because numpy's product overflows.
    if sum(math.prod(size) * spec.dtype.itemsize for size, spec in zip(sizes, needed, strict=True)) > most_bytes:
        return None
    return {spec.name: _make(spec, size) for spec, size in zip(needed, sizes, strict=True)}


def _sizes(spec: TensorSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    length = _LENGTH if len(shape) == 2 and spec.dtype.kind in "iub" else 1
    return tuple(size if size >= 0 else (length if axis else 1) for axis, size in enumerate(shape))


def _make(spec: TensorSpec, size: tuple[int, ...]) -> NDArray[np.generic]:
    if spec.datatype == BYTES:
        return np.full(size, b"", object)
    is_mask = "mask" in spec.name.lower() and spec.dtype.kind in "iub"
    return np.ones(size, spec.dtype) if is_mask else np.zeros(size, spec.dtype)
