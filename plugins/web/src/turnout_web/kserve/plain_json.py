"""Requests in JSON that differ from an earlier one in nothing but their numbers, read without a look at the rest."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from turnout.tensors import dtype_of
from turnout_web.kserve.requested import Requested

_FLOATS, _INTEGERS = frozenset((int, float)), frozenset((int,))
_KINDS = {dtype_of("FP32"): _FLOATS, dtype_of("FP64"): _FLOATS, dtype_of("INT64"): _INTEGERS}
_MOST_FORMS, _MOST_BYTES = 512, 4096


class PlainRequests:
    """Remembers the text around the numbers of requests with one input, whose numbers are in a flat list.

    What it does not read, which means wrong requests too, ``read_request`` reads, or says what is wrong. Belongs to one event
    loop.
    """

    def __init__(self) -> None:
        self._forms: dict[tuple[bytes, bytes], _Form] = {}

    def read(self, text: bytes) -> Requested | None:
        """Return the request that ``text`` is; None if it is not known, or has anything but the numbers that it takes."""
        start, stop = _last_list(text)
        form = self._forms.get((text[:start], text[stop:]))
        return None if form is None else form.read(text[start:stop])

    def note(self, text: bytes, requested: Requested) -> None:
        """Note how a request was read, to read the next ones like it."""
        start, stop = _last_list(text)
        before, after = text[:start], text[stop:]
        if requested.id or len(requested.json_inputs) != 1 or requested.binary_inputs or len(self._forms) >= _MOST_FORMS:
            return
        [(name, array)] = requested.json_inputs.items()
        if array.dtype in _KINDS and len(before) + len(after) <= _MOST_BYTES and _is_data(before, after):
            self._forms[before, after] = _Form(name, array.dtype, array.shape, requested)


class _Form(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    requested: Requested

    def read(self, numbers: bytes) -> Requested | None:
        array = self._array(numbers)
        return None if array is None else self.requested._replace(json_inputs={self.name: array})

    def _array(self, numbers: bytes) -> NDArray[Any] | None:
        size = math.prod(self.shape)
        # Before they are parsed: a number takes more memory than its text.
        if size > 1 and numbers.count(b",") != size - 1:
            return None
        try:
            data = orjson.loads(numbers)
            if len(data) != size or not _KINDS[self.dtype].issuperset(map(type, data)):
                return None
            # A large number becomes an infinity in FP32, without numpy's warning.
            with np.errstate(over="ignore"):
                return np.array(data, self.dtype).reshape(self.shape)
        except (ValueError, OverflowError):
            return None


def _last_list(text: bytes) -> tuple[int, int]:
    """Return where the last list of ``text`` that has no other in it begins, and where the first end after it is."""
    start = max(text.rfind(b"["), 0)
    return start, text.find(b"]", start) + 1


def _is_data(before: bytes, after: bytes) -> bool:
    """Return whether what is between ``before`` and ``after`` is the data of an input: another value in its place is."""
    try:
        [given] = json.loads(before + b"0" + after)["inputs"]
    except ValueError:
        return False
    return type(given["data"]) is int
