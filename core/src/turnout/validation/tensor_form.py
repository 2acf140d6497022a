"""The form of a request's inputs at a glance: names, datatypes and shapes, on the path of every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from turnout.tensors import TensorSpec

_REMEMBERED_SHAPES = 256


class GoodShapes(dict[tuple[int, ...], bool]):
    """A memory of which shapes fit ``spec`` in batches up to ``largest``, if that is not 0.

    It holds the first 256, so that a repeated check is one look-up.
    """

    def __init__(self, spec: TensorSpec, largest: int) -> None:
        super().__init__()
        self._spec = spec
        self._largest = largest

    def __missing__(self, shape: tuple[int, ...]) -> bool:
        good = self._spec.accepts_shape(shape) and (not self._largest or (shape != () and 0 < shape[0] <= self._largest))
        if len(self) < _REMEMBERED_SHAPES:
            self[shape] = good
        return good


Forms = tuple[tuple[str, np.dtype[Any], GoodShapes], ...]


def accept_none(_: Mapping[str, NDArray[Any]]) -> bool:
    """Return False."""
    return False


def form_check(quick: Forms) -> Callable[[Mapping[str, NDArray[Any]]], bool]:
    """Return a function that says whether inputs have the names, datatypes and shapes of ``quick``."""
    if not quick:
        return accept_none
    if len(quick) > 1:
        return partial(_have_form, quick)
    [(wanted, dtype, shapes)] = quick

    # Most models have one input: without the loop over names and specs, and without a method, it costs half.
    def has_form(inputs: Mapping[str, NDArray[Any]]) -> bool:
        if type(inputs) is not dict or len(inputs) != 1:
            return False
        [(name, array)] = inputs.items()
        is_right = type(name) is str and name == wanted and type(array) is ndarray and array.dtype is dtype
        return is_right and shapes[array.shape]

    return has_form


def _have_form(quick: Forms, inputs: Mapping[str, NDArray[Any]]) -> bool:
    if type(inputs) is not dict or len(inputs) != len(quick):
        return False
    for name in inputs:
        # A subclass has a hash and an equality of its own, which may lie or raise in the look-up below.
        if type(name) is not str:
            return False
    for name, dtype, shapes in quick:
        array = inputs.get(name)
        if type(array) is not ndarray or array.dtype is not dtype or not shapes[array.shape]:
            return False
    return True
