"""BYTES tensors as ONNX Runtime's text tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError
from turnout.tensors import as_bytes_elements


def to_text(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return BYTES as an array of ``str``; left to itself ONNX Runtime makes ``"b'x'"`` of ``b"x"``.

    Raises:
        InvalidTensorError: an element is no text, or not UTF-8.
    """
    elements: NDArray[Any] = np.empty(array.size, dtype=object)
    for index, element in enumerate(as_bytes_elements(array, name).flat):
        try:
            elements[index] = element.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidTensorError(
                f"tensor {name!r} is BYTES, and element {index} is not UTF-8 ({error.reason} at byte {error.start}); "
                "ONNX Runtime takes text only, so encode it, for instance with base64"
            ) from error
    return elements.reshape(array.shape)
