"""The usual request in JSON, read without a look at members that it does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from turnout.tensors import dtype_of
from turnout_web.kserve.requested import Requested

_FLOATS, _INTEGERS = frozenset((int, float)), frozenset((int,))
_QUICK = {
    "FP32": (dtype_of("FP32"), _FLOATS),
    "FP64": (dtype_of("FP64"), _FLOATS),
    "INT64": (dtype_of("INT64"), _INTEGERS),
}
_MOST_RANK = 32
_NOTHING: Mapping[str, Any] = {}


def read_plain(head: Mapping[str, Any]) -> Requested | None:
    """Return a request that has one input, whose numbers are in a flat list, and nothing else; None for any other.

    Any other means wrong ones too: ``read_request`` reads them, or says what is wrong.
    """
    inputs = head.get("inputs")
    if len(head) != 1 or type(inputs) is not list or len(inputs) != 1:
        return None
    [given] = inputs
    if type(given) is not dict or given.keys() != {"name", "datatype", "shape", "data"}:
        return None
    return _read_one(given["name"], given["datatype"], given["shape"], given["data"])


def _read_one(name: Any, datatype: Any, shape: Any, data: Any) -> Requested | None:
    if type(name) is not str or type(datatype) is not str or type(shape) is not list or type(data) is not list:
        return None
    dtype, kinds = _QUICK.get(datatype, (None, _INTEGERS))
    size = 1
    for one in shape:
        if type(one) is not int or one < 0:
            return None
        size *= one
    if dtype is None or size != len(data) or len(shape) > _MOST_RANK or not kinds.issuperset(map(type, data)):
        return None
    try:
        # A large number becomes an infinity in FP32, without numpy's warning.
        with np.errstate(over="ignore"):
            array = np.array(data, dtype).reshape(shape)
    except OverflowError:
        return None
    return Requested({name: array}, (), 0, (), False, "", _NOTHING, None)
