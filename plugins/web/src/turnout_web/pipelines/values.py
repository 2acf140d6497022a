"""Values of steps in the answers of this server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from turnout.errors import InvalidTensorError
from turnout.json_values import JsonValues
from turnout.tensors import datatype_of, describe
from turnout_web.pipelines.masks import Mask, is_mask

# A larger array is a tensor for a model, or pixels; a person reads neither as JSON.
MAX_ELEMENTS = 10_000
_MAX_DEPTH = 16


class ValueWriter(JsonValues):
    """Returns values in types of JSON; a mask as ``write_mask`` returns it. Thread-safe.

    Bytes are UTF-8. An array of more than 10,000 elements becomes ``{"datatype": "FP32", "shape": [3, 224, 224]}``.
    """

    def __init__(self, write_mask: Callable[[Mask], dict[str, Any]]) -> None:
        super().__init__(MAX_ELEMENTS, _describe_array, max_depth=_MAX_DEPTH)
        self._write_mask = write_mask

    def write_array(self, array: NDArray[Any], depth: int) -> Any:
        return self._write_mask(array) if is_mask(array) else super().write_array(array, depth)

    def write_object(self, value: Any, depth: int) -> Any:
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace") if len(value) <= MAX_ELEMENTS else {"bytes": len(value)}
        return super().write_object(value, depth)


def _describe_array(array: NDArray[Any]) -> dict[str, Any]:
    try:
        return {"datatype": datatype_of(array.dtype), "shape": list(array.shape)}
    except InvalidTensorError:
        return {"array": describe(array)}
