"""Files that are no regular files, or have no end, at every door where a file is read."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import CONFIG, TURNOUT_YAML, WITH_TRITON, reads, write_project

HUGE = 100 << 30
HARMLESS = {("record", "folder"), ("lock", "sparse")}
"""A folder of no requests, and a lock whose content is never read."""


@dataclass(frozen=True)
class Door:
    """A place where a command reads a file; ``exits`` with a special file there."""

    name: str
    place: str
    command: tuple[str, ...]
    settings: str = TURNOUT_YAML
    exits: frozenset[int] = frozenset({1, 2, 3})
    changes: tuple[str, ...] = ()


SWITCH = (".turnout/.gitignore", ".turnout/switch.lock")
WRITTEN = ("recordings/*", ".turnout/*", "out.jsonl", "new.yaml")
READ_AT_WORST = frozenset({0, 1, 2, 3})
TLS = WITH_TRITON.replace("localhost:1}", "localhost:1, tls: {ca: ca.pem}}")
INIT = ("init", "--from-repository", "model_repository", "-c", "new.yaml")
DOORS = [
    Door("settings", "turnout.yaml", ("models",)),
    Door("verify evidence", ".turnout/m.verify.json", ("status",), exits=READ_AT_WORST),
    Door("shadow evidence", ".turnout/m.shadow.json", ("status",), exits=READ_AT_WORST),
    Door("switches", ".turnout/m.switch.json", ("switch", "m", "--back"), changes=SWITCH),
    Door("published evidence", "model_repository/m/turnout.verify.json", ("status",), exits=READ_AT_WORST),
    Door("model config", "model_repository/m/config.pbtxt", ("check",), WITH_TRITON),
    Door("model config at init", "model_repository/m/config.pbtxt", INIT),
    Door("model", "model_repository/m/1/model.onnx", ("record", "m", "x.npz"), changes=WRITTEN),
    Door("model at check", "model_repository/m/1/model.onnx", ("check",), WITH_TRITON, exits=READ_AT_WORST),
    Door("record", "x.npz", ("record", "m", "x.npz"), changes=WRITTEN),
    Door("record of a folder", "some/x.npz", ("bench", "m", "--recording", "some"), changes=WRITTEN),
    Door("manifest", "some/manifest.jsonl", ("bench", "m", "--recording", "some"), changes=WRITTEN),
    Door("bench report", "earlier.json", ("bench", "m", "--compare", "earlier.json")),
    Door("lock", "recordings/m/.lock", ("record", "m", "x.npz"), changes=WRITTEN),
    Door("picture", "photo.png", ("run", "look", "photo.png")),
    Door("regions", "photo.regions.json", ("run", "look", "photo.png")),
    Door("results", "out.jsonl", ("run", "look", "photo.png", "--out", "out.jsonl")),
    Door("certificate", "ca.pem", ("check",), TLS, exits=READ_AT_WORST),
    Door("config.json", "checkpoint/config.json", ()),
    Door("tokenizer.json", "checkpoint/tokenizer.json", ()),
    Door("vocab.txt", "checkpoint/vocab.txt", ()),
]
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"},
}
CALLS = {
    "config.json": 'Checkpoint("c", Path("checkpoint")).json("config.json")',
    "tokenizer.json": 'read_tokenizer(Checkpoint("c", Path("checkpoint")), {}, None)',
    "vocab.txt": 'read_tokenizer(Checkpoint("c", Path("checkpoint")), {}, "bert")',
}
IMPORTS = (
    "from turnout_vision.checkpoints.checkpoint import Checkpoint\n"
    "from turnout_vision.checkpoints.tokenizer_file import read_tokenizer"
)


def pipe(place: Path) -> None:
    os.mkfifo(place)


def folder(place: Path) -> None:
    place.mkdir()


def unix_socket(place: Path) -> None:
    # Its name may have 108 bytes, and that of the sandbox is longer.
    descriptor = os.open(place.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"/proc/self/fd/{descriptor}/{place.name}")
    os.close(descriptor)


def sparse(place: Path) -> None:
    with place.open("wb") as stream:
        stream.truncate(HUGE)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda place: place.symlink_to(target)


KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": pipe,
    "folder": folder,
    "socket": unix_socket,
    "zero": link_to("/dev/zero"),
    "loop": lambda place: place.symlink_to(place.name),
    "sparse": sparse,
}


def cases() -> Iterator[Case]:
    for door in DOORS:
        for kind, make in KINDS.items():
            yield Case(
                f"special_files/door/{door.name} is {kind}",
                _hostile(door, make),
                _good(door.name),
                READ_AT_WORST if (door.name, kind) in HARMLESS else door.exits,
                door.changes,
            )


def _hostile(door: Door, make: Callable[[Path], None]) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        command = _good(door.name)(sandbox)
        place = sandbox.work / door.place
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        make(place)
        return sandbox.turnout(*door.command) if door.command else command

    return prepare


@cache
def _good(name: str) -> Prepare:
    [door] = [one for one in DOORS if one.name == name]

    def prepare(sandbox: Sandbox) -> list[str]:
        work = write_project(sandbox, door.settings)
        for part in ("some", "recordings/m"):
            (work / part).mkdir(parents=True)
            shutil.copy(work / "x.npz", work / part / "y.npz")
        if door.place.endswith("config.pbtxt"):
            (work / door.place).write_text(CONFIG)
        if door.name == "certificate":
            (work / "ca.pem").write_text("")
        if door.name in {"switches", "bench report"}:
            return sandbox.turnout("models")
        if not door.command:
            return _checkpoint(sandbox, work, door.name)
        return sandbox.turnout(*door.command)

    return prepare


def _checkpoint(sandbox: Sandbox, work: Path, name: str) -> list[str]:
    (work / "checkpoint").mkdir()
    (work / "checkpoint" / "config.json").write_text("{}")
    (work / "checkpoint" / "vocab.txt").write_text("[UNK]\n[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n")
    if name == "tokenizer.json":
        (work / "checkpoint" / name).write_text(json.dumps(TOKENIZER))
    return reads(sandbox, IMPORTS, CALLS[name])
