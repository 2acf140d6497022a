"""Conversion of BYTES tensors to ONNX Runtime's string tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import as_bytes_elements, check_utf8


def to_strings(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return BYTES as an array of ``str``; ONNX Runtime itself would convert ``b"x"`` to ``"b'x'"``.

    Raises:
        InvalidTensorError: an element is not text, or not UTF-8.
    """
    elements = as_bytes_elements(array, name)
    strings: NDArray[Any] = np.empty(array.size, dtype=object)
    try:
        strings[:] = [element.decode() for element in elements.flat]
    except UnicodeDecodeError:
        check_utf8(elements, name)  # raises, with the element
    return strings.reshape(array.shape)
