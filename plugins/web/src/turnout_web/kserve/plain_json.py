"""Requests in JSON that differ from an earlier one in nothing but their numbers, read without a look at the rest."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.tensors import dtype_of
from turnout_web.kserve.requested import Requested

_FLOATS, _INTEGERS = msgspec.json.Decoder(list[float]).decode, msgspec.json.Decoder(list[int]).decode
# How the numbers are read, and how struct writes them into memory: it refuses those that the datatype does not hold.
_READERS: Mapping[np.dtype[Any], tuple[Callable[[bytes], Sequence[float]], str]] = {
    dtype_of("FP32"): (_FLOATS, "f"),
    dtype_of("FP64"): (_FLOATS, "d"),
    dtype_of("INT64"): (_INTEGERS, "q"),
}


class _MarkedInput(msgspec.Struct):
    data: int


class _Marked(msgspec.Struct):
    inputs: tuple[_MarkedInput]


_marked = msgspec.json.Decoder(_Marked).decode
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
        if array.dtype in _READERS and len(before) + len(after) <= _MOST_BYTES and _is_data(before, after):
            numbers_of, code = _READERS[array.dtype]
            pack = struct.Struct(f"={array.size}{code}").pack
            self._forms[before, after] = _Form(name, array.dtype, array.shape, array.size, numbers_of, pack, requested[1:])


class _Form(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    numbers_of: Callable[[bytes], Sequence[float]]
    pack: Callable[..., bytes]
    same: tuple[Any, ...]
    """The fields of ``Requested`` after the first one."""

    def read(self, numbers: bytes) -> Requested | None:
        # Before they are parsed: a number takes more memory than its text.
        if numbers.count(b",") > self.size:
            return None
        try:
            memory = self.pack(*self.numbers_of(numbers))
        except (msgspec.MsgspecError, struct.error, OverflowError):
            return None
        array: NDArray[Any] = np.ndarray(self.shape, self.dtype, memory)
        return Requested({self.name: array}, *self.same)


def _last_list(text: bytes) -> tuple[int, int]:
    """Return where the last list of ``text`` that has no other in it begins, and where the first end after it is."""
    start = max(text.rfind(b"["), 0)
    return start, text.find(b"]", start) + 1


def _is_data(before: bytes, after: bytes) -> bool:
    """Return whether what is between ``before`` and ``after`` is the data of an input: another value in its place is."""
    try:
        _marked(before + b"0" + after)
    except msgspec.MsgspecError:
        return False
    return True
