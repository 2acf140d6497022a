"""The form of a response: arrays of KServe datatypes by output name, whichever backend made them."""

from __future__ import annotations

from collections.abc import Mapping
from operator import countOf
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from turnout.error_text import type_name
from turnout.errors import InvalidTensorError
from turnout.inference import InferenceResponse
from turnout.tensors import BYTES, DTYPES, datatype_of

_NUMBERS = frozenset(dtype for datatype, dtype in DTYPES.items() if datatype not in (BYTES, "BOOL"))
_WANTED = "not an InferenceResponse of numpy arrays by output name"


def is_response(response: object) -> bool:
    """Return whether ``response`` has the form of one; values of numbers are not read."""
    if type(response) is InferenceResponse and type(response.outputs) is dict:
        for name, value in response.outputs.items():
            if type(value) is not ndarray or type(name) is not str or value.dtype not in _NUMBERS:
                break
        else:
            return True
    # By far most end above. A look-up in an abstract class costs as much as all of it.
    if not isinstance(response, InferenceResponse) or not isinstance(response.outputs, Mapping):
        return False
    for name, value in response.outputs.items():
        if not isinstance(value, ndarray) or not isinstance(name, str):
            return False
        if value.dtype not in _NUMBERS and _find_fault(value):
            return False
    return True


def describe_foreign(response: object) -> str:
    """Return what is wrong with the form of ``response``, in words."""
    if not isinstance(response, InferenceResponse):
        return f"{type_name(response)}, {_WANTED}"
    if response.error is not None:
        return f"an error of {type_name(response.error)}, not one of turnout.errors"
    if not isinstance(response.outputs, Mapping):
        return f"outputs of {type_name(response.outputs)}, {_WANTED}"
    return next(fault for name, value in response.outputs.items() if (fault := _describe_output(name, value)))


def _describe_output(name: object, value: object) -> str:
    if not isinstance(name, str):
        return f"an output whose name is {type_name(name)}, {_WANTED}"
    if not isinstance(value, ndarray):
        return f"output {name!r} as {type_name(value)}, {_WANTED}"
    fault = _find_fault(value)
    return f"output {name!r} {fault}" if fault else ""


def _find_fault(array: NDArray[Any]) -> str:
    """Return why ``array`` is no tensor, in words; empty if it is one."""
    if array.dtype.kind == "b":
        return "as BOOL with a byte that is neither 0 nor 1" if array.size and array.view(np.uint8).max() > 1 else ""
    if array.dtype.kind == "O":
        elements = array.ravel().tolist()
        # Texts too: backends of others return them, and what reads BYTES encodes them.
        good = countOf(map(type, elements), bytes) == len(elements) or all(isinstance(one, bytes | str) for one in elements)
        return "" if good else "as an array of objects that are not all bytes"
    try:
        datatype_of(array.dtype)
    except InvalidTensorError:
        return f"as numpy {array.dtype}, which is no KServe v2 datatype"
    return ""
