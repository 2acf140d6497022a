"""Sample arrays, which a backend must return bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import BYTES, dtype_of

_FLOAT_BITS = {
    # NaN with a payload, -NaN, -0.0, Inf, -Inf, the smallest and the greatest subnormal, the greatest number, 1.
    "FP16": ("<u2", [0x7E2A, 0xFE01, 0x8000, 0x7C00, 0xFC00, 0x0001, 0x03FF, 0x7BFF, 0x3C00]),
    "BF16": ("<u2", [0x7FC5, 0xFFC1, 0x8000, 0x7F80, 0xFF80, 0x0001, 0x007F, 0x7F7F, 0x3F80]),
    "FP32": ("<u4", [0x7FC12345, 0xFFC00001, 0x80000000, 0x7F800000, 0xFF800000, 1, 0x007FFFFF, 0x7F7FFFFF, 0x3F800000]),
    "FP64": (
        "<u8",
        [0x7FF8 << 48 | 0x12345, 0xFFF8 << 48 | 1, 1 << 63, 0x7FF << 52, 0xFFF << 52, 1, (1 << 52) - 1, (0x7FF << 52) - 1, 1],
    ),
}
_TEXTS = [b"", b"a", b"trailing NUL\0", b"\0", "caf\u00e9 \U0001f600".encode(), b"b'x'", b"x" * 1000, b"None", b" "]


def sample(datatype: str) -> NDArray[Any]:
    """Return a [3, 3] array of ``datatype`` with the values that a conversion damages; BYTES are UTF-8 text."""
    if datatype == BYTES:
        return _elements(_TEXTS)
    if datatype == "BOOL":
        return plain(datatype)
    if datatype in _FLOAT_BITS:
        kind, bits = _FLOAT_BITS[datatype]
        return np.array(bits, dtype=kind).view(dtype_of(datatype)).reshape(3, 3)
    limits = np.iinfo(dtype_of(datatype))
    values = [limits.min, limits.max, 0, 1, 2, 3, 100, limits.max - 1, limits.min + 1]
    return np.array(values, dtype_of(datatype)).reshape(3, 3)


def plain(datatype: str) -> NDArray[Any]:
    """Return a [3, 3] array of ``datatype`` with nine ordinary values; BOOL has both."""
    if datatype == BYTES:
        return _elements([b"%d" % number for number in range(9)])
    numbers = np.arange(9).reshape(3, 3)
    return (numbers % 3 == 0) if datatype == "BOOL" else numbers.astype(dtype_of(datatype))


def _elements(texts: list[bytes]) -> NDArray[Any]:
    values: NDArray[Any] = np.empty(9, dtype=object)
    values[:] = texts
    return values.reshape(3, 3)
