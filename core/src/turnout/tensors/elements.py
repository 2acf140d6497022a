"""BYTES elements: the types that a BYTES tensor accepts, and its one form inside Turnout.

A BYTES tensor is a numpy array of dtype object whose elements are ``bytes``. Text is encoded as UTF-8. ``None`` and
numbers are refused, because clients silently turn them into ``b"None"`` and ``b"1"``. Fixed-width ``S`` arrays lose trailing
NULs in numpy itself, before Turnout gets them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError


def as_bytes_elements(array: NDArray[Any], name: str = "") -> NDArray[Any]:
    """Return ``array`` as BYTES: dtype object, every element ``bytes``; the same array if it already is.

    Raises:
        InvalidTensorError: an element is neither bytes nor text, or text with half a surrogate pair.
    """
    if array.dtype == object and all(type(element) is bytes for element in array.flat):
        return array
    elements: NDArray[Any] = np.empty(array.size, dtype=object)
    for index, element in enumerate(array.flat):
        elements[index] = _encode(element, name, index)
    return elements.reshape(array.shape)


def _encode(element: object, name: str, index: int) -> bytes:
    if isinstance(element, str):
        return _encode_text(element, name, index)
    if isinstance(element, bytes | bytearray | memoryview):
        return bytes(element)
    raise InvalidTensorError(
        f"tensor {name!r} is BYTES, but element {index} is {type(element).__name__}; use bytes or str for every element"
    )


def _encode_text(text: str, name: str, index: int) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, but element {index} cannot be encoded: {error.reason} at {error.start}; use bytes"
        ) from error
