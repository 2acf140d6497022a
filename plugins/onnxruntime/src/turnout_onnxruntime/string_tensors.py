"""Conversion of BYTES tensors to ONNX Runtime's string tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError
from turnout.tensors import as_bytes_elements


def to_strings(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return BYTES as an array of ``str``; ONNX Runtime itself would convert ``b"x"`` to ``"b'x'"``.

    Raises:
        InvalidTensorError: an element is not text, or not UTF-8.
    """
    elements: NDArray[Any] = np.empty(array.size, dtype=object)
    for index, element in enumerate(as_bytes_elements(array, name).flat):
        try:
            elements[index] = element.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidTensorError(
                f"tensor {name!r} is BYTES, and element {index} is not UTF-8 ({error.reason} at byte {error.start}); "
                "ONNX Runtime accepts text only, so encode it, for instance with base64"
            ) from error
    return elements.reshape(array.shape)
