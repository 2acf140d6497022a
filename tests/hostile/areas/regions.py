"""Regions of a picture that are no boxes, too many, too large or too deep, given as a file, as a value, or in a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tests.hostile.case import Case, Trial
from tests.hostile.picture_files import plain
from tests.hostile.sandbox import Sandbox

SETTINGS = "pipelines:\n  look:\n    - load_image\n"
BOX = [1, 2, 30, 20]
# The largest file of regions that is read.
MEGABYTES = 7_900_000
# Results are exact, so that a line has as many regions as were given.
RESULTS = ("results.jsonl",)
_PROGRAM = """
import sys
import numpy as np
from turnout.errors import InvalidInputError
from turnout_vision.regions.region import Region, parse_regions

try:
    regions = parse_regions({value}, 6000, 8000, max_regions=100)
except InvalidInputError as error:
    sys.exit(f"error: {{error}}")
errors = [region for region in regions if not isinstance(region, Region)]
if errors:
    sys.exit(f"error: {{errors[0]}}")
"""


def cases() -> Iterator[Trial]:
    """Yield a case for each file of regions, each value on the command line, and each value in a program."""
    for member, make in _files().items():
        yield Case(f"regions/file/{member}", partial(_file, make), _good_file, frozenset({0, 1}), RESULTS)
    for member, value in _values().items():
        yield Case(f"regions/value/{member}", partial(_value, value), _good_file, frozenset({0, 1, 2}), RESULTS)
    for member, value in _programs().items():
        yield Case(f"regions/program/{member}", partial(_program, value), _good_program, frozenset({0, 1}))


def _file(make: Callable[[], bytes], sandbox: Sandbox) -> list[str]:
    (sandbox.work / "photo.regions.json").write_bytes(make())
    return _look(sandbox)


def _good_file(sandbox: Sandbox) -> list[str]:
    return _file(partial(_json, {"regions": [{"box": BOX, "label": "cat"}]}), sandbox)


def _value(value: str, sandbox: Sandbox) -> list[str]:
    return [*_look(sandbox), "--set", f"regions={value}"]


def _look(sandbox: Sandbox) -> list[str]:
    (sandbox.work / "turnout.yaml").write_text(SETTINGS)
    (sandbox.work / "photo.jpg").write_bytes(plain("JPEG", (64, 48)))
    return sandbox.turnout("run", "look", "photo.jpg", "--out", RESULTS[0])


def _program(value: str, sandbox: Sandbox) -> list[str]:
    return sandbox.python(_PROGRAM.format(value=value))


def _good_program(sandbox: Sandbox) -> list[str]:
    return _program(repr([BOX]), sandbox)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _files() -> Mapping[str, Callable[[], bytes]]:
    box = _json(BOX)

    def of(item: bytes, start: bytes = b"[", end: bytes = b"]") -> Callable[[], bytes]:
        """Return a function that makes a file full of ``item``."""
        return lambda: start + b",".join([item] * (MEGABYTES // (len(item) + 1))) + end

    return {
        "lists": of(b"[]"),
        "mappings": of(b"{}"),
        "numbers": of(b"1"),
        "boxes": of(box),
        "boxes_100": lambda: _json([BOX] * 100),
        "boxes_1000": lambda: _json([BOX] * 1000),
        "boxes_1001": lambda: _json([BOX] * 1001),
        "points": of(b"[1,2]", b"[[", b"]]"),
        "polygon": of(b"[1,2]", b'[{"box":[', b"]}]"),
        "depth": lambda: b"[" * 3_900_000 + b"]" * 3_900_000,
        "depth_60": lambda: b'{"regions":[' + b"[" * 60 + b"]" * 60 + b"]}",
        "lists_of_lists": of(b"[[[[[[[[[]]]]]]]]]"),
        "brackets": lambda: b"[" * MEGABYTES,
        "braces": lambda: b'{"a":' * (MEGABYTES // 5),
        "keys": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(500_000)) + b"}",
        "same_key": of(b'"regions":[]', b"{", b"}"),
        "box_twice": lambda: b'[{"box":[1,2,3,4],"box":[5,6,7,8]}]',
        "keys_of_a_region": lambda: b"[{" + b",".join(b'"%d":1' % number for number in range(500_000)) + b"}]",
        "long_key": lambda: b'[{"%s":1}]' % (b"k" * MEGABYTES),
        "long_label": lambda: _json([{"box": BOX, "label": "x" * 7_000_000}]),
        "labels": lambda: _json([{"box": BOX, "label": "x" * 60_000}] * 100),
        "escapes_in_a_label": lambda: _json([{"box": BOX, "label": "\x1b]0;title\x07\x1b[2J\n\r\u202e\u2028"}]),
        "escapes_in_a_key": lambda: _json([{"\x1b[2J\nerror: forged": BOX}]),
        "escapes_in_a_box": lambda: _json([["\x1b[2J\n", 1, 2, 3]]),
        "half_a_character": lambda: b'[{"box":[1,2,3,4],"label":"\\ud800"}]',
        "digits": lambda: b"[[1,2,3,%s]]" % (b"9" * 5_000_000),
        "huge": lambda: b"[[0,0,1e308,1e308],[-1e308,-1e308,1e308,1e308]]",
        "beyond_floats": lambda: b"[[0,0,1e999,5]]",
        "nan": lambda: b"[[0,0,NaN,5]]",
        "infinity": lambda: b"[[0,0,Infinity,5]]",
        "minus_infinity": lambda: b"[[-Infinity,0,3,5]]",
        "not_utf8": lambda: b"\xff\xfe" + bytes(1_000_000),
        "zeros": lambda: bytes(7_000_000),
        "spaces": lambda: b" " * 7_000_000,
        "megabytes": lambda: b"[" + b" " * 100_000_000 + b"]",
        "text": lambda: b'"' + b"x" * 7_000_000 + b'"',
        "number": lambda: b"7",
        "null": lambda: b"null",
        "regions_are_a_number": lambda: b'{"regions":7}',
        "regions_in_regions": lambda: b'{"regions":{"regions":[[1,2,3,4]]}}',
    }


def _values() -> Mapping[str, str]:
    # Linux takes no argument of more than 131,072 bytes.
    return {
        "lists": "[" + "[]," * 40_000 + "[]]",
        "deep": "[" * 60_000 + "]" * 60_000,
        "boxes": "[" + "[1,2,3,4]," * 12_000 + "[1,2,3,4]]",
        "digits": "[[1,2,3," + "9" * 100_000 + "]]",
        "nan": "[[1,2,3,NaN]]",
        "mapping": '{"boxes":[]}',
        "device": "/dev/zero",
        "folder": "/",
        "nowhere": "nowhere.json",
        "null_character": '"a\\u0000b"',
    }


def _programs() -> Mapping[str, str]:
    return {
        "nones": "[None] * 5_000_000",
        "array": "np.zeros((5_000_000, 4))",
        "array_of_nan": "np.full((100, 4), np.nan)",
        "wide_array": "np.zeros((4, 5_000_000))",
        "objects": "np.array([object()] * 4, dtype=object)",
        "range": "range(10**12)",
        "text": "'x' * 100_000_000",
        "bytes": "bytes(100_000_000)",
        "mapping": "dict.fromkeys(range(2_000_000))",
        "large_box": "[[1] * 10_000_000]",
        "nested": "[[[[[[[[1] * 1_000_000]]]]]]]",
        "integers": "[[0, 0, 10 ** 100_000, 5]]",
        "floats": "[[0, 0, 1e308, 1.7e308], [-1e308, -1e308, 1e308, 1e308]]",
        "regions_beyond": "[Region(0, 0, 10 ** 400, 10 ** 400)]",
        "labels": "[{'box': [1, 2, 3, 4], 'label': 'x' * 100_000_000}]",
        "a_key_of_megabytes": "[{'k' * 100_000_000: 1}]",
    }
