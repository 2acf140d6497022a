"""Requests that are wrong in one way each, and odd ones that are right, for a model with one input ``x`` [-1, 3]."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import torch
from tests.odd_text import OddText

from turnout.tensors import BYTES, DTYPES
from turnout.testing.samples import plain, sample

Made = tuple[Any, Mapping[str, Any]]
"""Inputs, and the keywords of the call."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of request.

    Attributes:
        name: ``group/member``.
        make: returns the request for a datatype; None if the datatype has no such request.
        refused: True if no door may answer it; False if every door must, with the same values.
    """

    name: str
    make: Callable[[str], Made | None]
    refused: bool = True


def every_fault() -> list[Fault]:
    """Return all requests that are wrong in one way, and then those that are odd and right."""
    groups = (_arrays, _values, _names, _mappings, _objects, _heads)
    wrong = [Fault(_printable(name), make) for group in groups for name, make in group()]
    right = [Fault(_printable(name), make, refused=False) for name, make in (*_right_arrays(), *_right_heads())]
    return wrong + right


def _printable(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()


def good(datatype: str) -> np.ndarray:
    """Return a [3, 3] array."""
    return plain(datatype)


def _x(make: Callable[[np.ndarray], Any], *unless: str) -> Callable[[str], Made | None]:
    return lambda datatype: None if datatype in unless else ({"x": make(good(datatype))}, {})


def _only(datatype: str, make: Callable[[], Any]) -> Callable[[str], Made | None]:
    return lambda given: ({"x": make()}, {}) if given == datatype else None


def _head(**keywords: Any) -> Callable[[str], Made]:
    return lambda datatype: ({"x": good(datatype)}, keywords)


def _arrays() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    for other, dtype in DTYPES.items():
        yield (
            f"datatypes/{other} for another",
            _x(lambda x, dtype=dtype: np.full(x.shape, b"1" if dtype.kind == "O" else 1, dtype), other),
        )
    yield "datatypes/complex", _x(lambda x: np.ones(x.shape, np.complex64))
    yield "datatypes/datetime64", _x(lambda x: np.zeros(x.shape, "datetime64[s]"))
    yield "datatypes/timedelta64", _x(lambda x: np.zeros(x.shape, "timedelta64[s]"))
    yield "datatypes/a record", _x(lambda x: np.zeros(x.shape, [("a", "f4"), ("b", "i8")]))
    yield "datatypes/void", _x(lambda x: np.zeros(x.shape, "V4"))
    yield "datatypes/float8", _x(lambda x: np.zeros(x.shape, ml_dtypes.float8_e5m2))
    yield "datatypes/int4", _x(lambda x: np.zeros(x.shape, ml_dtypes.int4))
    yield "datatypes/long double", _x(lambda x: np.zeros(x.shape, np.longdouble))
    yield "datatypes/texts of numpy 2", _x(lambda x: np.full(x.shape, "a", np.dtypes.StringDType()))
    yield "datatypes/a dtype that lies", _x(lambda x: x.astype("c16" if x.dtype.kind != "O" else "U").view(LyingDtype), BYTES)
    yield "shapes/no rows", _x(lambda x: x[:0])
    yield "shapes/a shape that lies", _x(lambda x: x[:, :2].view(LyingShape))
    yield "datatypes/big-endian of another", _x(lambda x: np.ones(x.shape, ">i4" if x.dtype != np.int32 else ">f4"))
    yield "shapes/rank 0", _x(lambda x: x[0, 0:1].reshape(()))
    yield "shapes/rank 1", _x(lambda x: x[0])
    yield "shapes/rank 3", _x(lambda x: x[None])
    yield "shapes/rank 32", _x(lambda x: x.reshape((3,) + (1,) * 30 + (3,)))
    yield "shapes/a size too small", _x(lambda x: x[:, :2])
    yield "shapes/a size too large", _x(lambda x: np.concatenate([x, x], 1))
    yield "shapes/a size of zero", _x(lambda x: x[:, :0])
    yield "shapes/transposed", _x(lambda x: x[:2].T)
    yield "shapes/batch above the largest", lambda datatype: ({"x": np.concatenate([good(datatype)] * 2)}, {})
    yield "shapes/a huge batch of one value", lambda datatype: ({"x": np.broadcast_to(good(datatype)[:1], (1 << 40, 3))}, {})


def _values() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    for byte in (2, 127, 128, 255):
        yield f"values/BOOL byte {byte}", _only("BOOL", lambda byte=byte: np.array([[0, 1, byte]], np.uint8).view(bool))
    yield "values/BOOL byte 2, strided", _only("BOOL", lambda: np.array([[2] * 6] * 2, np.uint8).view(bool)[:, ::2])
    for name, element in {
        "None": None, "a number": 7, "NaN": math.nan, "a list": [b"a"], "a dict": {}, "an array": np.ones(2), "a class": int,
        "half a surrogate pair": "\ud800", "not UTF-8": b"\xff\xfe", "cut UTF-8": "\u20ac".encode()[:2],
        "overlong": b"\xc0\x80", "Latin-1": b"caf\xe9", "an encoded surrogate": b"\xed\xa0\x80",
        "a picture": b"\x89PNG\r\n\x1a\n\0\0", "no bytes": Bytes(),
    }.items():  # fmt: skip
        yield f"values/BYTES with {name}", _only(BYTES, lambda element=element: _elements(b"a", element, b"c"))
    halves = "\u20ac".encode()
    yield "values/BYTES halves of a character", _only(BYTES, lambda: _elements(halves[:1], halves[1:], b""))
    yield "values/masked", _x(lambda x: np.ma.masked_array(x, np.eye(3, dtype=bool)), BYTES)


def _names() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    yield "names/no input", lambda datatype: ({}, {})
    for name in ("x_", "X", " x", "x ", "pixel_values", "", "x\0", "y", "\u0445", "x\n", "\ud800", "x" * 100_000):
        yield f"names/{name[:20]!r}", lambda datatype, name=name: ({name: good(datatype)}, {})
        yield f"names/{name[:20]!r} too", lambda datatype, name=name: ({"x": good(datatype), name: good(datatype)}, {})
    for key in (5, None, b"x", ("x",), 1.5, True, frozenset("x"), Raises("__hash__")):
        label = f"{type(key).__name__} {key!r}"[:30]
        yield f"names/{label}", lambda datatype, key=key: (Pairs((key, good(datatype))), {})
        yield f"names/{label} too", lambda datatype, key=key: (Pairs(("x", good(datatype)), (key, good(datatype))), {})
    yield "names/two that are one", lambda datatype: (Pairs(("x", good(datatype)), (OddText("x"), good(datatype))), {})
    yield "names/a thousand", lambda datatype: ({f"x{index}": good(datatype) for index in range(1000)}, {})


def _mappings() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    values = (None, 5, "x", b"x", [], [("x", 1)], ("x",), {"x"}, 1.5, True, object(), np.ones(3), int, dict)
    for value in values:
        yield f"mappings/{type(value).__name__} {str(value)[:12]}", lambda datatype, value=value: (value, {})
    for method in ("items", "__iter__", "__getitem__"):
        yield f"mappings/{method} raises", lambda datatype, method=method: (_raising_mapping(method), {})
    yield "mappings/a class that raises", lambda datatype: (Raises("__class__"), {})


def _objects() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    names = ("__array__", "__array_interface__", "__array_struct__", "__cuda_array_interface__", "__dlpack__", "__len__",
             "__class__", "__float__", "__getattr__", "__iter__", "__bool__", "__eq__", "__repr__")  # fmt: skip
    for name in names:
        for error in (TypeError, AttributeError, KeyError, ValueError, RecursionError, OSError):
            yield f"objects/{name} raises {error.__name__}", lambda datatype, args=(name, error): ({"x": Raises(*args)}, {})
    for found in ("text", 5, {}, {"typestr": "<f4"}, {"typestr": "|O", "shape": (3, 3)}, {"typestr": "<f4", "shape": (-1, 3)},
                  {"typestr": "<f4", "shape": ("a", 3)}, {"typestr": "?!", "shape": (3, 3)}):  # fmt: skip
        for name in ("__cuda_array_interface__", "__array_interface__"):
            yield f"objects/{name} is {found}", lambda datatype, args=(name, found): ({"x": Has(*args)}, {})
    yield "objects/a type without a name", lambda datatype: ({"x": _nameless()}, {})
    yield "objects/itself in a list", lambda datatype: ({"x": _endless()}, {})
    yield "objects/5,000 lists in lists", lambda datatype: ({"x": reduce(lambda inner, _: [inner], range(5000), 1.0)}, {})
    yield "objects/a sparse tensor", _x(lambda x: torch.ones(3, 3).to_sparse())
    yield "objects/a tensor without memory", _x(lambda x: torch.ones(3, 3, device="meta"))
    yield (
        "objects/ragged tensors",
        _x(lambda x: torch.nested.nested_tensor([torch.ones(3), torch.ones(2)], layout=torch.jagged)),
    )
    yield "objects/a closed view", lambda datatype: ({"x": _closed_view()}, {})
    for returned in (None, 5, "text", [1], object()):
        yield f"objects/__array__ returns {str(returned)[:8]}", lambda datatype, returned=returned: ({"x": Makes(returned)}, {})
    for value in (None, {}, {1: 2}, object(), int, [[1], [2, 3]], [], ..., 2**70, slice(1), b"", range(0), [None]):
        yield f"objects/{type(value).__name__} {str(value)[:12]}", lambda datatype, value=value: ({"x": value}, {})


def _heads() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    for value in ("5", b"5", [], {}, object(), math.nan, np.float32("nan"), 1j, True, np.ones(2)):
        yield f"deadlines/{type(value).__name__} {str(value)[:8]}", _head(timeout_seconds=value)
    for value in (5, b"id", ["id"], object(), "\ud800", True, 1.5, ("id",)):
        yield f"ids/{type(value).__name__} {str(value)[:8]!r}", _head(id=value)
    for value in (5, "text", [("a", 1)], object(), _raising_mapping("items"), {"x"}):
        yield f"parameters/{type(value).__name__} {str(value)[:8]}", _head(parameters=value)
    for name, value in (
        (5, 1), (b"a", 1), (None, 1), ("\ud800", 1), ("a", None), ("a", b"x"), ("a", [1]), ("a", {}), ("a", math.nan),
        ("a", math.inf), ("a", 2**63), ("a", -(2**63) - 1), ("a", "\ud800"), ("a", object()), ("a", np.ones(2)), ("a", 1j),
        ("priority", -1), ("priority", 1.5), ("priority", "high"), ("priority", 2**64), ("priority", True), ("a", np.int64(1)),
    ):  # fmt: skip
        yield f"parameters/{name!r}: {str(value)[:12]} {type(value).__name__}", _head(parameters={name: value})


def _right_arrays() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    yield "right/plain", _x(lambda x: x)
    yield "right/sample", lambda datatype: ({"x": sample(datatype)}, {})
    yield "right/one row", _x(lambda x: x[:1])
    yield "right/four rows", _x(lambda x: np.concatenate([x, x[:1]]))
    yield "right/Fortran order", _x(np.asfortranarray)
    yield "right/transposed", _x(lambda x: x.T)
    yield "right/reversed rows", _x(lambda x: x[::-1])
    yield "right/reversed columns", _x(lambda x: x[:, ::-1])
    yield "right/every second", _x(lambda x: np.repeat(x, 2, 1)[:, ::2])
    yield "right/broadcast", _x(lambda x: np.broadcast_to(x[:1], (4, 3)))
    yield "right/broadcast columns", _x(lambda x: np.broadcast_to(x[:, :1], (3, 3)))
    yield "right/read-only", _x(_read_only)
    yield "right/big-endian", _x(lambda x: x.astype(x.dtype.newbyteorder(">")), "BF16", BYTES)
    yield "right/misaligned", _x(_misaligned, BYTES)
    yield "right/a subclass", _x(lambda x: x.view(Sub))
    for part in ("shape", "dtype", "size", "ndim", "flags", "strides", "nbytes", "T"):
        yield f"right/a subclass whose {part} raises", _x(lambda x, part=part: x.view(_raising_array(part)))
    yield "right/a subclass whose methods raise", _x(lambda x: x.view(_raising_array()))
    yield "right/a record array", _x(lambda x: x.view(np.recarray), BYTES)
    yield "right/a matrix", _x(lambda x: x.view(np.matrix))
    yield "right/no strides", _x(lambda x: np.lib.stride_tricks.as_strided(x[:1], (4, 3), (0, x.strides[1])), BYTES)
    yield "right/a memory map", _x(lambda x: x.view(np.memmap))
    yield "right/masked without a mask", _x(np.ma.masked_array)
    yield "right/a mapping proxy", lambda datatype: (MappingProxyType({"x": good(datatype)}), {})
    yield "right/a subclass of str as name", lambda datatype: ({np.str_("x"): good(datatype)}, {})
    yield "right/a name with a hash of its own", lambda datatype: (Pairs((OddText("x"), good(datatype))), {})
    yield "right/dtype with metadata", _x(lambda x: x.astype(np.dtype(x.dtype, metadata={"a": 1})), BYTES)
    for name, elements in {
        "empty": (b"", b"", b""), "NUL": (b"\0", b"a\0", b"\0a"), "text": ("a", "\u20ac", "\U0001f600"),
        "long": (b"x" * 100_000, b"y", b""), "bytearray": (bytearray(b"a"), memoryview(b"b"), np.bytes_(b"c")),
        "noncharacter": ("\uffff".encode(), b"\x7f", b"\x01"),
        "a subclass of bytes": (Bytes(b"a", raises=False), b"b", b"c"), "line breaks": (b"\n", b"\r\n", "\u2028".encode()),
    }.items():  # fmt: skip
        yield f"right/BYTES {name}", _only(BYTES, lambda elements=elements: _elements(*elements))
    yield "right/BYTES as S", _only(BYTES, lambda: np.array([[b"a", b"bc", b""]]))
    yield "right/BYTES as U", _only(BYTES, lambda: np.array([["a", "b\u20ac", ""]]))


def _right_heads() -> Iterator[tuple[str, Callable[[str], Made | None]]]:
    later = time.monotonic() + 1e6
    for value in (1e6, 10**6, np.float32(1e6), 1e9, 10**30, math.inf, np.int64(10**6), later):
        yield f"right/timeout {type(value).__name__} {value:.3g}", _head(timeout_seconds=value)
    for value in ("", "a", "\u20ac", "x" * 10_000, "a\nb", "\0", np.str_("a")):
        yield f"right/id {value[:4]!r} {type(value).__name__}", _head(id=value)
    for name, value in (
        ("a", 1),
        ("a", "x"),
        ("a", True),
        ("a", 0.5),
        ("a", -(2**63)),
        ("\u20ac", "\u20ac"),
        ("priority", 0),
        ("a", ""),
    ):
        yield f"right/parameter {name}: {value!r}", _head(parameters={name: value})
    yield "right/parameters in a proxy", _head(parameters=MappingProxyType({"a": 1}))


class Sub(np.ndarray):
    """A subclass of arrays."""


class LyingDtype(np.ndarray):
    """An array that calls itself whatever is asked for."""

    @property
    def dtype(self) -> Any:
        return np.dtype(np.float32)


class LyingShape(np.ndarray):
    """An array that calls itself [3, 3]."""

    @property
    def shape(self) -> Any:
        return (3, 3)


class Bytes(bytes):
    """A subclass of bytes, whose own conversion raises."""

    def __new__(cls, value: bytes = b"\xff", *, raises: bool = True) -> Bytes:
        made = super().__new__(cls, value)
        made.raises = raises
        return made

    def __bytes__(self) -> bytes:
        if self.raises:
            raise KeyError("own bytes")
        return super().__bytes__()


class Pairs(Mapping):  # type: ignore[type-arg]
    """A mapping of pairs, whatever their keys are."""

    def __init__(self, *pairs: tuple[Any, Any]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: object) -> Any:
        return next(value for key, value in self._pairs if key is name or (type(key) is str and key == name))

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


class Has:
    """An object with one attribute."""

    def __init__(self, name: str, value: object) -> None:
        setattr(self, name, value)


class Makes:
    """An object whose array is no array."""

    def __init__(self, returned: object) -> None:
        self._returned = returned

    def __array__(self, *args: object, **kwargs: object) -> Any:
        return self._returned


def Raises(name: str, error: type[Exception] = KeyError) -> Any:  # noqa: N802  # reads as the class that it returns
    """Return an object of a new class whose attribute ``name`` raises, as a method or when it is read."""

    def fail(*args: object, **kwargs: object) -> Any:
        raise error("raised by the caller's object")

    is_read = name in ("__class__", "__array_interface__", "__array_struct__", "__cuda_array_interface__", "__dlpack__")
    return type("Raising", (), {name: property(fail) if is_read else fail})()


def _raising_array(part: str = "") -> Any:
    """Return a class of arrays whose attribute ``part`` raises when it is read; without one, whose methods do."""

    def fail(*args: object, **kwargs: object) -> Any:
        raise KeyError("raised by the caller's array")

    methods = (
        "ravel",
        "view",
        "astype",
        "copy",
        "tobytes",
        "tolist",
        "__array__",
        "__array_function__",
        "__array_ufunc__",
        "__len__",
    )
    # A view sets the class after it: numpy reads nothing of it then.
    return type("RaisingArray", (np.ndarray,), {part: property(fail)} if part else dict.fromkeys(methods, fail))


def _nameless() -> Any:
    def fail(kind: object) -> Any:
        raise KeyError("raised by the caller's type")

    return type("Meta", (type,), {"__name__": property(fail)})("Nameless", (), {})()


def _endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _closed_view() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


def _raising_mapping(method: str) -> Any:
    def fail(*args: object, **kwargs: object) -> Any:
        raise KeyError("raised by the caller's mapping")

    return type("RaisingMapping", (Pairs,), {method: fail})(("x", good("FP32")))


def _elements(*values: object) -> np.ndarray:
    array = np.empty((1, len(values)), object)
    for index, value in enumerate(values):
        array[0, index] = value
    return array


def _read_only(array: np.ndarray) -> np.ndarray:
    own = array.copy()
    own.flags.writeable = False
    return own


def _misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    made = memory[1:].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made
