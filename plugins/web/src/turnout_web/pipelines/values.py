"""Values of steps in the answers of this server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from turnout.errors import InvalidTensorError
from turnout.json_values import JsonValues
from turnout.tensors import datatype_of, describe
from turnout_web.pipelines.maps import is_map, map_alone, picture_sizes
from turnout_web.pipelines.masks import Mask, is_mask

# A larger array is a tensor for a model, or pixels; a person reads neither as JSON.
MAX_ELEMENTS = 10_000
_MAX_DEPTH = 16


class ValueWriter(JsonValues):
    """Returns values in types of JSON; a mask as ``write_mask`` returns it. Thread-safe.

    Bytes are UTF-8. An array of more than 10,000 elements becomes ``{"datatype": "FP32", "shape": [3, 224, 224]}``.
    """

    def __init__(
        self, write_mask: Callable[[Mask], dict[str, Any]], write_map: Callable[[NDArray[Any]], dict[str, Any]] = map_alone
    ) -> None:
        super().__init__(MAX_ELEMENTS, _describe_array, max_depth=_MAX_DEPTH)
        self._write_mask, self._write_map = write_mask, write_map

    def write_values(self, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Return those of ``values`` that are in ``names``; a map of a picture among them as ``write_map`` returns it."""
        sizes = picture_sizes(values)
        found = {name: values[name] for name in names if name in values}
        return {name: self._write_map(value) if is_map(value, sizes) else self.write(value) for name, value in found.items()}

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
