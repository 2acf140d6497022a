"""Values of any step in types of JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from turnout.json_values import JsonValues, describe_type
from turnout.tensors import describe

# Of an array. The longest vectors of pictures that are usual have 4,096; a larger array is pixels or a tensor.
MAX_ELEMENTS = 4096
MAX_DEPTH = 8


def to_json(value: Any) -> Any:
    """Return ``value`` in types of JSON, as ``JsonValues`` does.

    An array of more than 4,096 elements becomes ``{"array": "FP32 [3, 224, 224]"}``.
    """
    return _VALUES.write(value)


def _describe(array: np.ndarray[Any, Any]) -> dict[str, str]:
    # Neither objects nor records are tensors.
    return describe_type(array) if array.dtype.kind in "OMmc" or array.dtype.names else {"array": describe(array)}


_VALUES = JsonValues(MAX_ELEMENTS, _describe, max_depth=MAX_DEPTH)
