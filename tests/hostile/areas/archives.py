"""``.pt2`` and TorchScript files of strangers: code that runs only if the user vouches for it, and no ``.pt2`` even then."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from tests.hostile import graph_files
from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox

Content = Callable[[Path], bytes]
SETTINGS = """\
backend: direct
models:
  net:
    inputs: {{x: "FP32[-1,4]"}}
    outputs: {{y: "FP32[-1,2]"}}
    backends:
      direct: {{loader: {loader}, path: {path}{more}}}
"""
SCRIPT = "torchscript"
GRAPH = "torch_export"


def _write(sandbox: Sandbox, content: bytes, loader: str, more: str = "") -> list[str]:
    path = "net.pt" if loader == SCRIPT else "net.pt2"
    (sandbox.work / path).write_bytes(content)
    (sandbox.work / "turnout.yaml").write_text(SETTINGS.format(loader=loader, path=path, more=more))
    return sandbox.turnout("check", "--deep")


def _digest(content: bytes) -> str:
    return f', sha256: "{hashlib.sha256(content).hexdigest()}"'


class Writes(torch.nn.Module):
    """TorchScript that writes a file at each request."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark = mark

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.mark)
        return x[:, :2]


class WritesWhenOpened(torch.nn.Module):
    """TorchScript that writes a file when it is opened."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark = mark

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.mark, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.mark, self.training = state
        torch.save(torch.ones(1), state[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2]


def _script(module: torch.nn.Module) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module.eval()), stream)
    return stream.getvalue()


@functools.cache
def good_script() -> bytes:
    """Return a good TorchScript file."""
    return _script(graph_files.Net())


def _good_graph(sandbox: Sandbox) -> list[str]:
    return _write(sandbox, graph_files.good_file(), GRAPH, _digest(graph_files.good_file()))


def _good_script(sandbox: Sandbox) -> list[str]:
    return _write(sandbox, good_script(), SCRIPT, _digest(good_script()))


def _trusted_graph(make: Content) -> Prepare:
    return lambda sandbox: _write(sandbox, make(sandbox.executed), GRAPH, ", trust: true")


def _vouched_graph(make: Content) -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        content = make(sandbox.executed)
        return _write(sandbox, content, GRAPH, _digest(content))

    return prepare


def _unvouched(make: Content, loader: str, more: str = "") -> Prepare:
    return lambda sandbox: _write(sandbox, make(sandbox.executed), loader, more)


def _writes(mark: Path) -> bytes:
    return _script(Writes(str(mark)))


def _writes_when_opened(mark: Path) -> bytes:
    content = _script(WritesWhenOpened(str(mark)))
    mark.unlink(missing_ok=True)  # made by the test of this function, if at all
    return content


def _appended(mark: Path) -> bytes:
    return good_script() + _writes(mark)


def _link(sandbox: Sandbox) -> list[str]:
    command = _write(sandbox, b"", SCRIPT)
    (sandbox.outside / "net.pt").write_bytes(_writes_when_opened(sandbox.executed))
    (sandbox.work / "net.pt").unlink()
    (sandbox.work / "net.pt").symlink_to(sandbox.outside / "net.pt")
    return command


def _pipe(sandbox: Sandbox) -> list[str]:
    command = _write(sandbox, b"", SCRIPT, ", trust: true")
    (sandbox.work / "net.pt").unlink()
    os.mkfifo(sandbox.work / "net.pt")
    return command


def _forged_evidence(sandbox: Sandbox) -> list[str]:
    """A file of a stranger that claims to be the export of this machine."""
    content = _writes_when_opened(sandbox.executed)
    command = _write(sandbox, content, SCRIPT)
    made = sandbox.work / ".turnout" / "made"
    made.mkdir(parents=True)
    (made / hashlib.sha256(content).hexdigest()).touch()
    record = (
        '{"format": 1, "model": "net", "topic": "export", "verdict": "match", "at": "2026-01-01", "facts": {"sha256": "%s"}}'
    )
    (sandbox.work / ".turnout" / "net.export.json").write_text(record % hashlib.sha256(content).hexdigest())
    return command


def _version_of_a_stranger(sandbox: Sandbox) -> list[str]:
    """A later version in a repository whose first version the user vouches for."""
    for number, content in ((1, good_script()), (2, _writes_when_opened(sandbox.executed))):
        (sandbox.work / "models" / "net" / str(number)).mkdir(parents=True)
        (sandbox.work / "models" / "net" / str(number) / "model.pt").write_bytes(content)
    command = _write(sandbox, b"", SCRIPT, _digest(good_script()))
    text = (sandbox.work / "turnout.yaml").read_text()
    (sandbox.work / "turnout.yaml").write_text(text.replace("path: net.pt", "path: models/net"))
    return command


def cases() -> Iterator[Case]:
    """Yield files of strangers for ``turnout check --deep``."""
    for make in (*graph_files.RUNS_WHEN_LOADED, *graph_files.RUNS_WHEN_CALLED, *graph_files.OTHERS):
        yield Case(f"archives/pt2-with-trust/{make.__name__}", _trusted_graph(make), _good_graph)
    for make in (graph_files.opaque_constant, graph_files.expression, graph_files.guard, graph_files.name_of_a_node):
        yield Case(f"archives/pt2-with-sha256/{make.__name__}", _vouched_graph(make), _good_graph)
    for make in (graph_files.sample_inputs, graph_files.aot_library, lambda _: graph_files.good_file()):
        name = getattr(make, "__name__", "").replace("<lambda>", "good")
        yield Case(f"archives/pt2-of-a-stranger/{name}", _unvouched(make, GRAPH), _good_graph)
    wrong = f', sha256: "{"0" * 64}"'
    scripts: dict[str, Prepare] = {
        "writes_at_a_request": _unvouched(_writes, SCRIPT),
        "writes_when_opened": _unvouched(_writes_when_opened, SCRIPT),
        "sha256_of_another": _unvouched(_writes_when_opened, SCRIPT, _digest(good_script())),
        "sha256_of_another_and_trust": _unvouched(_writes_when_opened, SCRIPT, f"{wrong}, trust: true"),
        "appended_to_a_good_file": _unvouched(_appended, SCRIPT, _digest(good_script())),
        "good": _unvouched(lambda _: good_script(), SCRIPT),
        "link": _link,
        "pipe": _pipe,
        "forged_evidence": _forged_evidence,
        "version_of_a_stranger": _version_of_a_stranger,
        "text": _unvouched(lambda _: b"\x1b[2J", SCRIPT, ", trust: true"),
        "trust_is_a_word": _unvouched(_writes_when_opened, SCRIPT, ', trust: "certainly"'),
        "sha256_is_a_path": _unvouched(_writes_when_opened, SCRIPT, ', sha256: "../../made"'),
        "sha256_is_empty": _unvouched(_writes_when_opened, SCRIPT, ', sha256: ""'),
    }
    for name, prepare in scripts.items():
        yield Case(f"archives/torchscript/{name}", prepare, _good_script)
