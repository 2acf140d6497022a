"""A disk that becomes full at any byte, under every command that writes: one error, old files intact, nothing half-written."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox
from tests.hostile.small_project import TURNOUT_YAML, write_project

# A limit of the size of files fails as a full disk does, and can be set to any byte.
LIMITED = """\
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
ROOMS = (0, 1, 40)
PUBLISHED = TURNOUT_YAML.replace("{path: model_repository/m}", "{path: m.onnx}\n      triton: {url: localhost:1}")
OLD = '{"image": "old.png", "ok": true, "pipeline": "look", "inputs": {}}\n'


def _record(sandbox: Sandbox) -> list[str]:
    write_project(sandbox)
    return sandbox.turnout("record", "m", "x.npz")


def _export(sandbox: Sandbox) -> list[str]:
    work = write_project(sandbox, PUBLISHED)
    (work / "m.onnx").write_bytes((work / "model_repository/m/1/model.onnx").read_bytes())
    return sandbox.turnout("export", "m")


def _configure(sandbox: Sandbox) -> list[str]:
    write_project(sandbox, TURNOUT_YAML.replace("pipelines:", "      triton: {url: localhost:1}\npipelines:"))
    return sandbox.turnout("export", "m", "--config-only")


def _results(sandbox: Sandbox) -> list[str]:
    work = write_project(sandbox)
    (work / "out.jsonl").write_text(OLD)
    return sandbox.turnout("run", "look", "photo.png", "--out", "out.jsonl")


def _switch(sandbox: Sandbox) -> list[str]:
    write_project(sandbox, PUBLISHED)
    return sandbox.turnout("switch", "m", "triton", "--force")


def _init(sandbox: Sandbox) -> list[str]:
    write_project(sandbox)
    return sandbox.turnout("init", "--from-repository", "model_repository", "--config", "new.yaml")


WRITERS: dict[str, tuple[Prepare, tuple[str, ...]]] = {
    "record": (_record, ("recordings/m/.lock",)),
    "export": (_export, ()),
    "export of the configuration": (_configure, ()),
    "results": (_results, ()),
    "switch": (_switch, (".turnout/.gitignore", ".turnout/switch.lock")),
    "init": (_init, ()),
}


def cases() -> Iterator[Case]:
    for name, (good, left) in WRITERS.items():
        for room in ROOMS:
            yield Case(f"full_disk/{name}/after {room} bytes", _full(good, room), good, changes=left)


def _full(good: Prepare, room: int) -> Prepare:
    return lambda sandbox: sandbox.python(LIMITED, str(room), *good(sandbox))
