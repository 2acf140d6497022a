"""Tensor specs: name, datatype and shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, text_of
from turnout.tensors.datatypes import datatype_of, dtype_of
from turnout.tensors.elements import as_bytes_elements

_DECLARATION = re.compile(r"\s*(?P<datatype>[A-Za-z0-9]+)\s*\[(?P<shape>[^\[\]]*)\]\s*\Z")
MAX_RANK = 64
"""The most axes of a numpy array."""
_SIZE = re.compile(r"-1|[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor's name, KServe datatype and full shape, batch axis included; -1 is any size.

    With ``shape`` None even the rank is unknown. Sizes of -1 in two tensors of one model need not be equal.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] | None
    optional: bool = False
    dtype: np.dtype[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", dtype_of(self.datatype))

    def __str__(self) -> str:
        return f"{self.datatype} {'[...]' if self.shape is None else list(self.shape)}"

    def check(self, array: NDArray[Any]) -> None:
        """Raise InvalidTensorError if the datatype, the rank or a size of ``array`` differs."""
        if not self.accepts(array):
            raise InvalidTensorError(f"tensor {self.name!r} must be {self}, got {describe(array)}")

    def accepts(self, array: NDArray[Any]) -> bool:
        """Return whether ``array`` has this datatype and shape."""
        same = array.dtype is self.dtype or _datatype_or_none(array.dtype) == self.datatype
        return same and self.accepts_shape(array.shape)

    def accepts_shape(self, shape: Sequence[int]) -> bool:
        """Return whether an array may have this full shape."""
        expected = self.shape
        if expected is None:
            return True
        return len(expected) == len(shape) and all(own in (-1, size) for own, size in zip(expected, shape, strict=True))


def describe(array: NDArray[Any]) -> str:
    """Return datatype and shape of ``array`` for a message: ``FP32 [1, 3, 384, 384]``."""
    return f"{_datatype_or_none(array.dtype) or f'numpy {array.dtype}'} {list(array.shape)}"


def _datatype_or_none(dtype: np.dtype[Any]) -> str | None:
    try:
        return datatype_of(dtype)
    except InvalidTensorError:
        return None


def parse_spec(name: str, declaration: str, *, batched: bool = False) -> TensorSpec:
    """Parse a declaration such as ``FP32[3,384,384]``.

    With ``batched`` a batch axis of any size comes first, as in Triton for a model with ``max_batch_size`` above 0.

    Raises:
        InvalidTensorError: the text is not ``DATATYPE[size,size,...]`` with sizes >= 0 or -1.
    """
    match = _DECLARATION.match(declaration)
    if match is None:
        raise InvalidTensorError(
            f"tensor {name!r} is declared as {declaration!r}; write a datatype and a shape, such as 'FP32[3,384,384]'"
        )
    if match["shape"].count(",") >= MAX_RANK:
        raise InvalidTensorError(f"tensor {name!r} is declared with more than {MAX_RANK} axes, which no array has")
    datatype = match["datatype"].upper()
    dtype_of(datatype)
    sizes = tuple(_parse_size(name, declaration, size) for size in match["shape"].split(",") if match["shape"].strip())
    return TensorSpec(name, datatype, (-1, *sizes) if batched else sizes)


def _parse_size(name: str, declaration: str, text: str) -> int:
    if not _SIZE.fullmatch(text.strip()):
        raise InvalidTensorError(
            f"tensor {name!r} is declared as {declaration!r}; {text.strip()!r} is not a size: write 0, 1, 2, ... or -1 for any"
        )
    return int(text)


def as_tensor(value: Any, name: str = "") -> NDArray[Any]:
    """Return ``value`` as an array in native byte order with ``bytes`` for BYTES; such an array is returned itself, not a copy.

    Raises:
        InvalidTensorError: ``value`` is ragged, has no KServe datatype, hides elements behind a mask, or has BYTES elements
            that are neither bytes nor text.
    """
    array = plain_array(value, name)
    return as_bytes_elements(array, name) if array.dtype.kind in "OSU" else array


def plain_array(value: Any, name: str = "") -> NDArray[Any]:
    """Return ``value`` as ``as_tensor`` does, but for BYTES, whose elements are not read. Raises as ``as_tensor``."""
    try:
        array = _as_array(value)
        masked = type(value) is not np.ndarray and np.ma.is_masked(value)
    except Exception as error:
        raise InvalidTensorError(
            f"tensor {name!r} cannot become an array: {text_of(error)}; use a numpy array", field=name
        ) from error
    if masked:
        raise InvalidTensorError(
            f"tensor {name!r} is a masked array with masked elements, which no backend has; give them a value with filled()",
            field=name,
        )
    try:
        datatype_of(array.dtype)
    except InvalidTensorError as error:
        raise InvalidTensorError(f"tensor {name!r} cannot be sent: {error}", field=name) from error
    return array if array.dtype.isnative or array.dtype.kind in "SU" else array.astype(array.dtype.newbyteorder("="))


def _as_array(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind in "SU" and not isinstance(value, np.ndarray):
        # numpy turned the numbers of a mixed list into text, and dropped every NUL at the end of an element.
        return np.array(value, dtype=object)
    return array
