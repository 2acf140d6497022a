"""BYTES elements: the types that a BYTES tensor accepts, and its one form inside Turnout.

A BYTES tensor is a numpy array of dtype object whose elements are ``bytes``. Text is encoded as UTF-8. ``None`` and
numbers are refused, because clients silently turn them into ``b"None"`` and ``b"1"``. Fixed-width ``S`` arrays lose trailing
NULs in numpy itself, before Turnout gets them.
"""

from __future__ import annotations

from operator import countOf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.error_text import type_name
from turnout.errors import InvalidTensorError, text_of

# One call of C for many elements holds the interpreter until its end: an event loop in another thread would wait for it.
_PART = 1 << 14


def as_bytes_elements(array: NDArray[Any], name: str = "") -> NDArray[Any]:
    """Return ``array`` as BYTES: dtype object, every element ``bytes``; the same array if it already is.

    Raises:
        InvalidTensorError: an element is neither bytes nor text, or text with half a surrogate pair.
    """
    try:
        if array.dtype == object and _are_bytes(array.ravel()):
            return array
        elements: NDArray[Any] = np.empty(array.size, dtype=object)
    except MemoryError as error:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES of {array.size} elements, too many for this machine's memory; send fewer", field=name
        ) from error
    try:
        for index, element in enumerate(array.flat):
            elements[index] = _encode(element, name, index)
    # Python's answer to memory that is read as text, such as np.frombuffer(data, "<U1").
    except SystemError as error:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, but it has no valid character at some place; use bytes", field=name
        ) from error
    return elements.reshape(array.shape)


def check_utf8(array: NDArray[Any], name: str) -> None:
    """Raise InvalidTensorError unless every element of ``array``, which are ``bytes``, is text in UTF-8."""
    elements = array.ravel()
    for start in range(0, elements.size, _PART):
        part = elements[start : start + _PART].tolist()
        try:
            # One call for all: a separator in ASCII ends every character, so the whole is UTF-8 if each element is.
            b"\n".join(part).decode()
        except UnicodeDecodeError:
            for index, element in enumerate(part, start):
                _check_element(element, name, index)


def _are_bytes(elements: NDArray[Any]) -> bool:
    parts = (elements[start : start + _PART] for start in range(0, elements.size, _PART))
    return all(countOf(map(type, part.tolist()), bytes) == part.size for part in parts)


def _check_element(element: bytes, name: str, index: int) -> None:
    try:
        element.decode()
    except UnicodeDecodeError as error:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, and element {index} is not UTF-8 ({error.reason} at byte {error.start}); "
            "this model accepts text only, so encode it, for instance with base64",
            field=name,
        ) from error


def _encode(element: object, name: str, index: int) -> bytes:
    kind = type(element)
    try:
        # Not isinstance, and not the element's own methods: an object of a caller may lie or raise in any of them.
        if issubclass(kind, str):
            return str.encode(element, "utf-8")  # type: ignore[arg-type]  # a str by its type
        if issubclass(kind, bytes | bytearray | memoryview):
            return memoryview(element).tobytes()  # type: ignore[arg-type]  # has a buffer by its type
    except UnicodeEncodeError as error:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, but element {index} cannot be encoded: {error.reason} at {error.start}; use bytes",
            field=name,
        ) from error
    except (ValueError, BufferError) as error:
        raise InvalidTensorError(
            f"tensor {name!r} is BYTES, but element {index} cannot be read: {text_of(error)}; use bytes", field=name
        ) from error
    raise InvalidTensorError(
        f"tensor {name!r} is BYTES, but element {index} is {type_name(element)}; use bytes or str for every element", field=name
    )
