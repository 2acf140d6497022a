"""Files called ``model.onnx`` that are no models, or say more than they hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from tests.core.tensors.test_protobuf import field, varint
from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import WITH_TRITON, onnx_model, value_info, write_project


def nested(number: int, depth: int) -> bytes:
    """Return a message in a message, ``depth`` times; the lengths grow from the inside."""
    sizes = list(itertools.accumulate(range(depth), lambda size, _: size + len(varint(size)) + 1, initial=0))
    return b"".join(varint(number << 3 | 2) + varint(size) for size in reversed(sizes[:-1]))


FILES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "ones": lambda: b"\xff" * 1_000_000,
    "zeros": lambda: bytes(1_000_000),
    "a varint without an end": lambda: b"\x3a" + b"\x80" * 5_000_000,
    "a length of 64 bits": lambda: b"\x3a" + b"\xff" * 9 + b"\x01",
    "a length behind the end": lambda: b"\x3a\xff\xff\xff\x7f" + bytes(1000),
    "cut in half": lambda: onnx_model()[:40],
    "groups": lambda: b"\x3b" * 1_000_000,
    "five million fields": lambda: onnx_model(b"\x08\x01" * 5_000_000),
    "five million fields of no number": lambda: b"\x10\x01" * 5_000_000,
    "a million initializers": lambda: onnx_model(b"\x2a\x00" * 1_000_000),
    "a million inputs": lambda: onnx_model(b"\x5a\x00" * 1_000_000),
    "two hundred thousand outputs": lambda: onnx_model(field(12, 2, value_info("y")) * 200_000),
    "a million dimensions": lambda: onnx_model(field(11, 2, value_info("z", b"\x0a\x00" * 1_000_000))),
    "a deep message": lambda: nested(7, 100_000),
    "deep subgraphs": lambda: onnx_model(field(1, 2, field(5, 2, nested(6, 50_000)))),
    "a long name": lambda: onnx_model(field(11, 2, value_info("x" * 5_000_000))),
    "a name of control characters": lambda: onnx_model(field(11, 2, value_info("\x1b[2J\r\nforged\u202e"))),
    "a name that is not UTF-8": lambda: onnx_model(field(11, 2, field(1, 2, b"\xff\xfe"))),
    "weights in a device": lambda: onnx_model(_outside("/dev/zero")),
    "weights in a pipe outside": lambda: onnx_model(_outside("../../../pipe")),
    "weights of many bytes": lambda: onnx_model(field(5, 2, b"\x08" + varint(1 << 40) + b"\x10\x01" + field(8, 2, b"w"))),
    "an LFS pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(1000),
}
COMMANDS = {"open": ("record", "m", "x.npz"), "check": ("check",), "status": ("status",)}
CHANGES = ("recordings/*", ".turnout/*")
MAY_BE_READ = frozenset({0, 1, 2, 3})


def cases() -> Iterator[Case]:
    for name, content in FILES.items():
        for kind in COMMANDS:
            yield Case(f"onnx_files/file/{name}, {kind}", _hostile(kind, content), GOOD[kind], MAY_BE_READ, CHANGES)


def _outside(name: str) -> bytes:
    pairs = ((b"location", name.encode()), (b"length", b"16"))
    entries = b"".join(field(13, 2, field(1, 2, key) + field(2, 2, value)) for key, value in pairs)
    return field(5, 2, b"\x08\x04\x10\x01" + field(8, 2, b"w") + entries + b"\x70\x01")


def _good(kind: str) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        write_project(sandbox, WITH_TRITON)
        return sandbox.turnout(*COMMANDS[kind])

    return prepare


GOOD = {kind: _good(kind) for kind in COMMANDS}


def _hostile(kind: str, content: Callable[[], bytes]) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = GOOD[kind](sandbox)
        (sandbox.work / "model_repository" / "m" / "1" / "model.onnx").write_bytes(content())
        return command

    return prepare
