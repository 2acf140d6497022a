"""Recorded requests that cost more than they are, or are no arrays; manifests that are no lists."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Iterator

from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import record, write_project

F4 = "'descr': '<f4', 'fortran_order': False, "
CHANGES = ("recordings/*", ".turnout/*")


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as opened:
        for name, content in entries.items():
            opened.writestr(name, content)
    return stream.getvalue()


def npy(header: str, content: bytes = bytes(16)) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def array(dtype: str, count: int, content: bytes) -> bytes:
    return npy(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({count},), }}", content)


def bomb(count: int, method: int) -> bytes:
    zeros = npy("{" + F4 + f"'shape': ({25 << 20},), }}", bytes(100 << 20))
    return archive({f"x{number}.npy": zeros for number in range(count)}, method)


def lying(offset: int, declared: int) -> bytes:
    """Return an archive whose directory declares another size."""
    data = bytearray(archive({"x.npy": npy("{" + F4 + "'shape': (4,), }")}, zipfile.ZIP_DEFLATED))
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + offset, declared)
    return bytes(data)


def twice(name: str) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w") as opened:
        for _ in range(2):
            opened.writestr(name, array("|u1", 1, b"1"))
    return stream.getvalue()


def overlapping(count: int) -> bytes:
    """Return an archive whose entries are one deflated megabyte: the bomb that David Fifield described."""
    data = archive({"x.npy": array("|u1", 1 << 20, bytes(1 << 20))}, zipfile.ZIP_DEFLATED)
    start = data.rindex(b"PK\x01\x02")
    entry = data[start : data.rindex(b"PK\x05\x06")]
    entries = b"".join(entry.replace(b"x.npy", f"{number:05}".encode()) for number in range(count))
    return data[:start] + entries + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entries), start, 0)


def zip64() -> bytes:
    """Return an archive whose sizes are in an extra field, and are 2**63."""
    data = archive({"x.npy": array("|u1", 1, b"1")})
    start = data.rindex(b"PK\x01\x02")
    entry = bytearray(data[start : data.rindex(b"PK\x05\x06")])
    struct.pack_into("<LL", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, 20)
    entry += struct.pack("<HHQQ", 1, 16, 1 << 63, 1 << 63)
    return data[:start] + bytes(entry) + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), start, 0)


def notes(**changes: object) -> bytes:
    known = {"format": 1, "model": "m", "seconds": 0.1} | changes
    return archive({"notes.json": json.dumps(known).encode(), "x.npy": npy("{" + F4 + "'shape': (1, 4), }")})


def raw(name: str, count: int) -> bytes:
    return archive({f"{name}.npy": array("|u1", count, bytes(count))})


RECORDS = {
    "no archive": lambda: b"no archive",
    "empty": lambda: b"",
    "cut in half": lambda: record()[:100],
    "a bomb of zeros": lambda: bomb(3, zipfile.ZIP_DEFLATED),
    "a bomb of bzip2": lambda: bomb(1, zipfile.ZIP_BZIP2),
    "a bomb in BYTES": lambda: archive(
        {"x:BYTES[15000000].npy": array("|u1", 60000000, bytes(60_000_000))},
        zipfile.ZIP_DEFLATED,
    ),
    "a bomb of texts": lambda: archive(
        {"x.npy": array("|S1", 60000000, bytes(60_000_000))},
        zipfile.ZIP_DEFLATED,
    ),
    "fifty thousand entries": lambda: archive({f"{number}": b"" for number in range(50_000)}),
    "declares 4 GB": lambda: lying(24, 0xFFFFFFF0),
    "declares 4 GB packed": lambda: lying(20, 0xFFFFFFF0),
    "a local header elsewhere": lambda: lying(42, 0xFFFFFFF0),
    "an entry twice": lambda: twice("x.npy"),
    "an entry twice, in another case of letters": lambda: archive(
        {"x.npy": array("|u1", 1, b"1"), "X.npy": array("|u1", 1, b"1")}
    ),
    "overlapping entries": lambda: overlapping(20_000),
    "a directory of many megabytes": lambda: archive({"x" * 60_000 + str(number): b"" for number in range(100)}),
    "names that climb": lambda: archive({"../../outside/victim.txt": b"", "x.npy": array("|u1", 1, b"1")}),
    "zip64 sizes": zip64,
    "a negative shape": lambda: archive({"x.npy": npy("{" + F4 + "'shape': (-4,), }")}),
    "an expression as a shape": lambda: archive({"x.npy": npy("{" + F4 + "'shape': (2**9**9**9,), }")}),
    "a product that overflows": lambda: archive({"x.npy": npy("{" + F4 + f"'shape': ({2**32}, {2**32}), }}", b"")}),
    "a product that overflows to nothing": lambda: archive(
        {"x.npy": npy("{" + F4 + f"'shape': (0, {10**17}, {10**17}), }}", b"")}
    ),
    "a rank of 64": lambda: archive({"x.npy": npy("{" + F4 + "'shape': (" + "1, " * 64 + "), }", bytes(4))}),
    "a subarray dtype": lambda: archive(
        {"x.npy": npy("{'descr': ('<f4', (9999, 9999)), 'fortran_order': False, 'shape': (1,), }")}
    ),
    "a dtype of many bytes": lambda: archive({"x.npy": array("|S999999999", 1, b"")}),
    "dates": lambda: archive({"x.npy": array("<M8[ns]", 2, bytes(16))}),
    "a header of version 3 in UTF-8": lambda: archive(
        {"x.npy": b"\x93NUMPY\x03\x00" + struct.pack("<I", 4 << 20) + b"\xff" * 99}
    ),
    "a version of nobody": lambda: archive({"x.npy": b"\x93NUMPY\xff\xff" + bytes(100)}),
    "a key of the header twice": lambda: archive({"x.npy": npy("{" + F4 + "'shape': (4,), 'shape': (999,), }")}),
    "a text on top of the last character": lambda: archive({"x.npy": array("<U1", 1, b"\x00\x00\x11\x00")}),
    "encrypted": lambda: lying(8, 1),
    "pickled objects": lambda: archive({"x.npy": array("|O", 1, b"\x80\x04N.")}),
    "a deep header": lambda: archive({"x.npy": npy("(" * 9000)}),
    "a header of minus signs": lambda: archive({"x.npy": npy("-" * 9000 + "1")}),
    "a header that calls": lambda: archive({"x.npy": npy("{'descr': __import__('os').abort(), 'shape': ()}")}),
    "a huge shape": lambda: archive({"x.npy": npy("{" + F4 + "'shape': (999999999999, 999999999999), }")}),
    "a shape of many digits": lambda: archive({"x.npy": npy("{" + F4 + f"'shape': ({'9' * 5000},), }}")}),
    "a structured dtype": lambda: archive({"x.npy": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }")}),
    "a bool that is 2": lambda: archive({"x.npy": array("|b1", 1, b"\x02")}),
    "a character that is none": lambda: archive({"x.npy": array("<U1", 1, b"\xff" * 4)}),
    "half a character": lambda: archive({"x.npy": array("<U1", 1, b"\x00\xd8\x00\x00")}),
    "a datatype of nobody": lambda: raw("x:FP99[1]", 4),
    "a shape in the name of many digits": lambda: raw(f"x:FP32[{'9' * 5000}]", 4),
    "a shape in the name that is too large": lambda: raw("x:BYTES[99999999999]", 4),
    "two tensors of one name": lambda: archive(
        {
            "x:UINT8[1].npy": array("|u1", 1, b"1"),
            "x.npy": record()[:0] + npy("{" + F4 + "'shape': (4,), }"),
        }
    ),
    "deep notes": lambda: archive({"notes.json": b"[" * 100_000}),
    "notes that are a list": lambda: archive({"notes.json": b"[]"}),
    "notes with a format of text": lambda: notes(format="\x1b[2J" * 1000),
    "notes with parameters of lists": lambda: notes(parameters={"a": [1]}),
    "notes with parameters that are text": lambda: notes(parameters="a"),
    "notes with seconds of text": lambda: notes(seconds="long"),
    "notes with a number without end": lambda: notes(seconds=0.1).replace(b"0.1", b"9e9"),
    "a name of line breaks": lambda: archive({"x\n\x1b[2J\r.npy": npy("{" + F4 + "'shape': (4,), }")}),
    "a name that is very long": lambda: archive({"x" * 60_000 + ".npy": npy("{" + F4 + "'shape': (4,), }")}),
}
MANIFESTS = {
    "lines of lists": b"[]\n" * 10,
    "a file that is a list": b'{"file": ["y.npz"]}\n',
    "a file that is an object": b'{"file": {"a": 1}}\n',
    "a deep line": b"[" * 1_000_000 + b"\n",
    "a number without end": b'{"file": "y.npz", "bytes": 1e999}\n',
    "no UTF-8": b'{"file": "\xff\xfe"}\n',
    "a long line": b'{"file": "' + b"a" * 30_000_000,
    "a file that is elsewhere": b'{"file": "../../outside/victim.txt"}\n',
    "a file of control characters": b'{"file": "\\u001b[2J\\n\\u202e"}\n',
    "a million lines": b"{}\n" * 1_000_000,
    "a million records": b'{"file": "y.npz"}\n' * 1_000_000,
    "ten million breaks": b"\n" * 10_000_000,
    "dates and counts of nobody": b'{"file": "y.npz", "at": "99999-01-01", "bytes": -1, "seconds": true}\n',
    "UTF-16": '{"file": "y.npz"}\n'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"file": "y.npz"}\n',
    "a key twice": b'{"file": "y.npz", "file": "../../outside/victim.txt"}\n',
    "half a character": b'{"file": "\\ud800.npz"}\n',
}
MAY_BE_READ = frozenset({0, 1, 2})


def cases() -> Iterator[Case]:
    for name in RECORDS:
        exits = MAY_BE_READ if name in {"notes with a number without end"} else frozenset({1, 2})
        yield Case(f"recordings/record/{name}", _replay(name), good_record, exits, CHANGES)
    for name, content in MANIFESTS.items():
        yield Case(f"recordings/manifest/{name}", _bench(content), good_folder, MAY_BE_READ, CHANGES)


def good_record(sandbox: Sandbox) -> list[str]:
    write_project(sandbox)
    return sandbox.turnout("record", "m", "x.npz")


def good_folder(sandbox: Sandbox) -> list[str]:
    work = write_project(sandbox)
    (work / "some").mkdir()
    (work / "some" / "y.npz").write_bytes(record())
    (work / "some" / "manifest.jsonl").write_text('{"file": "y.npz"}\n')
    return sandbox.turnout("bench", "m", "--recording", "some", "--seconds", "0.1")


def _replay(name: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = good_record(sandbox)
        (sandbox.work / "x.npz").write_bytes(RECORDS[name]())
        return command

    return prepare


def _bench(manifest: bytes) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = good_folder(sandbox)
        (sandbox.work / "some" / "manifest.jsonl").write_bytes(manifest)
        return command

    return prepare
