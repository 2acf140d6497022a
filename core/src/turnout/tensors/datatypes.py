"""The datatypes of the KServe v2 protocol and their numpy dtypes.

The names are from the Open Inference Protocol v2, "Tensor Data Types". BF16 is not in its table; Triton added it, and numpy
has it as ``ml_dtypes.bfloat16``.
"""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np

from turnout.errors import InvalidTensorError, suggestion

BYTES = "BYTES"

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    BYTES: np.dtype(np.object_),
}

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@functools.lru_cache(maxsize=256)
def datatype_of(dtype: np.dtype[Any]) -> str:
    """Return the KServe datatype of a numpy dtype in any byte order; object, ``S`` and ``U`` dtypes are BYTES.

    Raises:
        InvalidTensorError: the protocol has no datatype for it (complex numbers, dates, records).
    """
    if dtype.kind in "OSU":
        return BYTES
    name = _NAMES.get(dtype if dtype.isnative else dtype.newbyteorder("="))
    if name is None:
        raise InvalidTensorError(
            f"numpy dtype {str(dtype)!r} has no KServe v2 datatype; known: {', '.join(DTYPES)}. Convert the array first."
        )
    return name


def dtype_of(datatype: str) -> np.dtype[Any]:
    """Return the numpy dtype (native byte order) of a KServe datatype; BYTES is ``object``.

    Raises:
        InvalidTensorError: the protocol has no such datatype.
    """
    if datatype not in DTYPES:
        raise InvalidTensorError(
            f"unknown datatype {datatype!r}; known: {', '.join(DTYPES)}.{suggestion(datatype.upper(), DTYPES)}"
        )
    return DTYPES[datatype]
