"""BYTES tensors to and from text, the only form that the runtimes accept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_text(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return BYTES as an array of ``str``; ONNX Runtime itself would convert ``b"x"`` to ``"b'x'"``.

    Raises:
        ValueError: an element is not UTF-8.
    """
    elements: NDArray[Any] = np.empty(array.size, dtype=object)
    for index, element in enumerate(array.flat):
        try:
            elements[index] = bytes(element).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"element {index} of {name!r} is not UTF-8; the runtime accepts only text") from error
    return elements.reshape(array.shape)


def to_bytes(array: NDArray[Any]) -> NDArray[Any]:
    """Return text as BYTES."""
    elements: NDArray[Any] = np.empty(array.size, dtype=object)
    for index, element in enumerate(array.flat):
        elements[index] = element if isinstance(element, bytes) else str(element).encode("utf-8")
    return elements.reshape(array.shape)
