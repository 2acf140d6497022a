"""Ends from outside: signals, closed standard streams, readers that go away, full disks."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.hostile.case import Trial
from tests.hostile.sandbox import Sandbox

LONGEST_SECONDS = 8.0
"""From the signal to the end."""

_FACTORY = """
import pathlib, time, torch

class Slow(torch.nn.Module):
    def forward(self, x):
        if pathlib.Path("slow_forward").exists() and pathlib.Path("calls").exists():
            hang()
        pathlib.Path("calls").touch()
        return x + 1

def hang():
    pathlib.Path("busy").touch()
    time.sleep(60)

def create():
    if pathlib.Path("slow_create").exists():
        hang()
    return Slow()
"""

_SETTINGS = """\
models:
  m:
    backend: direct
    max_batch_size: 4
    inputs: {x: "FP32[3]"}
    outputs: {y: "FP32[3]"}
    backends:
      direct: {loader: factory, factory: "slow_factory:create"}
      onnxruntime: {path: m.onnx}
pipelines:
  look: [load_image]
"""


@dataclass(frozen=True, slots=True)
class SignalTrial:
    """A command that gets ``signals`` once it is at work; it must end soon, by their code, with one line and nothing left."""

    name: str
    arguments: tuple[str, ...]
    signals: tuple[signal.Signals, ...]
    slow: str
    code: int

    def problems(self, folder: Path) -> list[str]:
        sandbox = _sandbox(folder, self.slow)
        process = _start(sandbox, sandbox.turnout(*self.arguments))
        try:
            if not _wait_for(_is_busy(sandbox), process):
                return [f"it ended before the signal: {process.communicate()[1]!r}"]
            started = time.monotonic()
            for number in self.signals:
                process.send_signal(number)
                time.sleep(0.2)
            stderr = process.communicate(timeout=60)[1]
        finally:
            process.kill()
        return [*self._ending(process.returncode, time.monotonic() - started, stderr), *_left(sandbox)]

    def _ending(self, code: int, seconds: float, stderr: str) -> Iterator[str]:
        if code != self.code:
            yield f"exit {code}, not {self.code}; stderr ends with {stderr[-300:]!r}"
        if seconds > LONGEST_SECONDS:
            yield f"it took {seconds:.1f} s to end"
        said = [line for line in stderr.splitlines() if not line.startswith(("working:", "note:"))]
        if len(said) != 1 or not said[0].startswith("interrupted"):
            yield f"stderr is not one line about the interruption: {stderr[-500:]!r}"


@dataclass(frozen=True, slots=True)
class StreamTrial:
    """A command line of a shell that closes or breaks standard streams."""

    name: str
    line: str
    codes: tuple[int, ...]
    silent: bool = False

    def problems(self, folder: Path) -> list[str]:
        sandbox = _sandbox(folder, "")
        line = self.line.replace("turnout", shlex.quote(sandbox.turnout()[0]), 1)
        shell = ["bash", "-c", line]
        done = subprocess.run(
            shell, cwd=sandbox.work, env=sandbox.environment(), check=False, capture_output=True, text=True, timeout=60
        )
        found = [] if done.returncode in self.codes else [f"exit {done.returncode}, not one of {self.codes}: {done.stderr!r}"]
        signs = ("Traceback", "AttributeError", "Exception ignored")
        found += [f"{sign} in {done.stderr[-300:]!r}" for sign in signs if sign in done.stderr + done.stdout]
        if self.silent and done.stderr:
            found.append(f"it is not quiet: {done.stderr[-300:]!r}")
        if not self.silent and done.returncode and "2>" not in self.line and not done.stderr:
            found.append("a result was lost without a word")
        return found + _left(sandbox)


def cases() -> Iterator[Trial]:
    yield from _signals()
    yield from _streams()


_COMMANDS = {
    "export": ("export m --format onnx", "slow_create"),
    "export_traced": ("export m --format torchscript", "slow_forward"),
    "export_compared": ("export m --format onnx", "slow_forward"),
    "export_all": ("export --quiet", "slow_create"),
    "verify": ("verify m --inputs request.npz --against onnxruntime", "slow_create"),
    "bench": ("bench m --inputs request.npz", "slow_forward"),
    "bench_opening": ("bench m --inputs request.npz", "slow_create"),
    "check": ("check --deep", "slow_create"),
    "check_json": ("check --deep --json", "slow_forward"),
    "record": ("record m request.npz", "slow_create"),
    "record_answering": ("record m request.npz request.npz", "slow_forward"),
    "run": ("run look pictures --save drawn", "many"),
    "run_out": ("run look pictures --out results.jsonl", "many"),
}


def _signals() -> Iterator[SignalTrial]:
    for name, (line, slow) in _COMMANDS.items():
        for numbers in ([signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT]):
            kinds = "_".join(number.name.lower() for number in numbers)
            yield SignalTrial(f"ends/signals/{name}_{kinds}", tuple(line.split()), tuple(numbers), slow, 128 + numbers[0])


def _streams() -> Iterator[StreamTrial]:
    for name, line in {"run": "turnout run look pictures", "models": "turnout models", "json": "turnout models --json"}.items():
        yield StreamTrial(f"ends/streams/{name}_without_stdout", f"{line} >&-", (1, 2))
        yield StreamTrial(f"ends/streams/{name}_without_stdin", f"{line} <&-", (0,))
        yield StreamTrial(f"ends/streams/{name}_without_stderr", f"{line} 2>&-", (0,))
        yield StreamTrial(f"ends/streams/{name}_without_any", f"{line} <&- >&- 2>&-", (1, 2))
        yield StreamTrial(f"ends/streams/{name}_on_a_full_disk", f"{line} > /dev/full", (1, 2))
        yield StreamTrial(
            f"ends/streams/{name}_without_reader", f"{line} | true; exit ${{PIPESTATUS[0]}}", (0, 141), silent=True
        )
        yield StreamTrial(f"ends/streams/{name}_all_without_reader", f"{line} 2>&1 | true; exit ${{PIPESTATUS[0]}}", (0, 141))
    yield StreamTrial("ends/streams/help_without_reader", "turnout --help | true; exit ${PIPESTATUS[0]}", (0, 141), silent=True)
    yield StreamTrial("ends/streams/out_without_stdout", "turnout run look pictures --out o.jsonl >&-", (0,))
    yield StreamTrial("ends/streams/out_without_any", "turnout run look pictures --out o.jsonl <&- >&- 2>&-", (0,))
    yield StreamTrial("ends/streams/check_without_any", "turnout check <&- >&- 2>&-", (1, 2))
    yield StreamTrial("ends/streams/usage_without_stderr", "turnout run 2>&-", (2,))
    yield StreamTrial("ends/streams/usage_on_a_full_disk", "turnout run 2> /dev/full", (2,))


def _sandbox(folder: Path, slow: str) -> Sandbox:
    from PIL import Image

    sandbox = Sandbox.create(folder / "ends")
    work = sandbox.work
    (work / "turnout.yaml").write_text(_SETTINGS)
    (work / "slow_factory.py").write_text(_FACTORY)
    if slow:
        (work / slow).touch()
    np.savez(work / "request.npz", x=np.ones((1, 3), np.float32))
    (work / "m.onnx").write_bytes(_plus_one())
    (work / "pictures").mkdir()
    for number in range(300 if slow == "many" else 3):
        Image.new("RGB", (400, 300), (number % 256, 0, 0)).save(work / "pictures" / f"{number:03d}.png")
    return sandbox


def _plus_one() -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["y"])],
        "plus_one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.float32([1]), "one")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _start(sandbox: Sandbox, command: list[str]) -> subprocess.Popen[str]:
    # A process in the background of a shell script inherits an ignored SIGINT, and one of nohup an ignored SIGHUP.
    program = "import os, signal, sys\nfor number in (signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
    program += "os.execv(sys.argv[1], sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-S", "-c", program, *command],
        cwd=sandbox.work,
        env=sandbox.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _is_busy(sandbox: Sandbox) -> Callable[[], bool]:
    work = sandbox.work
    return lambda: (work / "busy").exists() or len(list(work.glob("drawn/*.png"))) > 5 or (work / "results.jsonl").exists()


def _wait_for(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    end = time.monotonic() + 50
    while not is_so():
        if process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _left(sandbox: Sandbox) -> list[str]:
    """Return what is half-written: hidden files other than the state of Turnout, parts, pictures that end too early."""
    found = []
    for place, folders, files in os.walk(sandbox.work):
        names = [
            name for name in (*folders, *files) if name.startswith(".") and name not in (".turnout", ".gitignore", ".lock")
        ]
        found += [f"left behind: {Path(place, name).relative_to(sandbox.work)}" for name in names]
    for file in sandbox.work.glob("drawn/*.png"):
        if not file.read_bytes().endswith(b"IEND\xaeB`\x82"):
            found.append(f"a half of a picture: {file.name}")
    return found
