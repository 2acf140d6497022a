"""Cost of a call by Turnout's Triton client and by NVIDIA's, against one real tritonserver, interleaved in one run.

The server runs a model that returns its input (python backend). Each side is a process of its own (``triton_client_sides.py``),
and each round runs every side once, in turn. Two figures a side, medians over rounds: the wall time of a call, and the CPU time
that the client's process spends on it, all threads included, since the server and the client share the machine. A bar compares
Turnout with the best of tritonclient's ways of the same protocol: synchronous, one client a thread; ``async_infer``; asyncio.

    python benchmarks/triton_client.py                   # starts the server by itself; all bars
    python benchmarks/triton_client.py --only small,many --rounds 30
    python benchmarks/triton_client.py --threshold       # the size from which shared memory pays, Turnout against itself
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from bars import Measured, report

from turnout_triton.server import LocalServer, ServerOptions

SIDES = Path(__file__).with_name("triton_client_sides.py")
SMALL, LARGE, IN_FLIGHT = 16, 3_000_000, 32
WIRE = ':{"shared_memory":"off"}'
MODEL = """
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        return [utils.InferenceResponse([utils.Tensor("y", request.inputs()[0].as_numpy())]) for request in requests]
"""
CONFIG = """
backend: "python"
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
"""
BATCHED = f"{CONFIG}\nmax_batch_size: {IN_FLIGHT}\ndynamic_batching {{ }}\n"
Figures = dict[str, list[tuple[float, float]]]
WALL, CPU = 0, 1


def peer_python() -> str:
    """Return an interpreter with all of tritonclient's clients: this one, or one in an environment that is made for them."""
    if all(importlib.util.find_spec(name) for name in ("tritonclient", "gevent", "aiohttp", "grpc")):
        return sys.executable
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "turnout-benchmarks" / "tritonclient"
    python, installed = folder / "bin" / "python", folder / "installed"
    if not installed.exists():
        venv.create(folder, with_pip=True, clear=True)
        wanted = f"tritonclient[grpc,http]=={version('tritonclient')}"
        subprocess.run([python, "-m", "pip", "install", "-q", wanted], check=True)
        installed.touch()
    return str(python)


class Side:
    """A process that makes calls when it is asked to."""

    def __init__(self, name: str, server: LocalServer, model: str, elements: int) -> None:
        python = sys.executable if name.startswith("turnout") else peer_python()
        command = [python, str(SIDES), name, server.http_url, server.grpc_url, model, str(elements)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def measure(self, calls: int) -> tuple[float, float]:
        """Return the wall and the CPU seconds of one call."""
        print(calls, file=self._process.stdin, flush=True)
        wall, cpu = map(float, self._read().split())
        return wall / calls, cpu / calls

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args} has ended with {self._process.wait()}")
        return line


@contextlib.contextmanager
def echo_server() -> Iterator[LocalServer]:
    """Serve models that return their input: one request at a time, and batched."""
    with tempfile.TemporaryDirectory() as folder:
        for name, config in (("echo", CONFIG), ("batched", BATCHED)):
            code = Path(folder) / name / "1" / "model.py"
            code.parent.mkdir(parents=True)
            code.write_text(MODEL)
            (code.parent.parent / "config.pbtxt").write_text(config)
        with LocalServer(folder, ServerOptions(trust=True, grace_seconds=0)) as server:
            yield server


def interleave(server: LocalServer, model: str, elements: int, calls: int, rounds: int, names: dict[str, str]) -> Figures:
    """Return wall and CPU seconds of a call by side, a pair for each round."""
    figures: Figures = {title: [] for title in names}
    with contextlib.ExitStack() as stack:
        sides = {title: Side(name, server, model, elements) for title, name in names.items()}
        for side in sides.values():
            stack.callback(side.close)
        for number in range(rounds + 1):
            for title, side in sides.items():
                measured = side.measure(calls)
                if number:
                    figures[title].append(measured)
    return figures


def median(figures: Figures, side: str, what: int) -> float:
    return statistics.median(pair[what] for pair in figures[side])


def best(figures: Figures, kind: str, what: int) -> str:
    """Return the fastest, or the cheapest, side whose name begins with ``kind``."""
    return min((side for side in figures if side.startswith(kind)), key=lambda side: median(figures, side, what))


def show(title: str, figures: Figures) -> None:
    print(f"\n{title}\n  {'':<44}{'wall us':>10}{'client CPU us':>15}{'calls/s':>10}")
    for side in figures:
        wall, cpu = (median(figures, side, what) * 1e6 for what in (WALL, CPU))
        print(f"  {side:<44}{wall:>10.1f}{cpu:>15.1f}{1e6 / wall:>10.0f}")


def judge(title: str, figures: Figures, ours: str, theirs: str, what: int, bar: float) -> Measured:
    """Return the ratio of two sides, pair by pair: of the rates where the bar is above 1, else of the times."""
    ratio = statistics.median(our[what] / their[what] for our, their in zip(figures[ours], figures[theirs], strict=True))
    if bar > 1:
        return Measured(title, 1 / ratio, bar, note=f"{ours} and {theirs}")
    return Measured(title, ratio, round(bar, 3), "lower", note=f"{ours} and {theirs}")


def small(server: LocalServer, rounds: int) -> list[Measured]:
    """Compare the client's CPU with one caller and a small tensor."""
    sides = ("tritonclient.http", "tritonclient.http.aio", "tritonclient.grpc", "tritonclient.grpc.aio")
    names = {side: f"{side}:1" for side in (*sides, "turnout.http", "turnout.grpc")}
    # Many calls a round: opening connections again after the other sides' turns must not count.
    figures = interleave(server, "echo", SMALL, 1500, rounds, names)
    show(f"FP32 [{SMALL}], one caller", figures)
    return [
        judge(
            f"small tensor, {protocol}, client CPU",
            figures,
            f"turnout.{protocol}",
            best(figures, f"tritonclient.{protocol}", CPU),
            CPU,
            bar,
        )
        for protocol, bar in (("http", 1 / 3), ("grpc", 1 / 2))
    ]


def many(server: LocalServer, rounds: int) -> list[Measured]:
    """Compare the rate with 32 requests in flight, for a model that the server runs one by one, and for one that it batches."""
    # Not tritonclient.http's async_infer: its greenlets took 24 ms a call, a client for each thread 0.5 ms.
    theirs = [f"tritonclient.{way}" for way in ("http", "http.aio", "grpc", "grpc.async_infer", "grpc.aio")]
    names = {side: f"{side}:{IN_FLIGHT}" for side in (*theirs, "turnout.http", "turnout.grpc")}
    for protocol in ("http", "grpc"):
        names[f"turnout.{protocol}, ainfer"] = f'turnout.{protocol}:{IN_FLIGHT}:{{"async":true}}'
    found = []
    for model in ("echo", "batched"):
        figures = interleave(server, model, SMALL, 20 * IN_FLIGHT, rounds, names)
        show(f"FP32 [{SMALL}], {IN_FLIGHT} in flight, model {model!r}", figures)
        for kind in ("", ".http", ".grpc"):
            ours, fastest = best(figures, f"turnout{kind}", WALL), best(figures, f"tritonclient{kind}", WALL)
            title = f"{IN_FLIGHT} in flight, model {model!r}, rate{', ' if kind else ''}{kind[1:]}"
            found.append(judge(title, figures, ours, fastest, WALL, 1.8))
    return found


def large(server: LocalServer, rounds: int) -> list[Measured]:
    """Compare calls of 12 MB each way."""
    names = {f"tritonclient{way}": f"tritonclient{way}:1" for way in (".http", ".grpc", ".grpc.shared_memory")}
    for protocol in ("http", "grpc"):
        names[f"turnout.{protocol}, same host"] = f"turnout.{protocol}:1"
        names[f"turnout.{protocol}, wire"] = f"turnout.{protocol}:1{WIRE}"
    figures = interleave(server, "echo", LARGE, 3, rounds, names)
    show(f"FP32 [{LARGE}], 12 MB each way, one caller", figures)
    return [
        judge(f"12 MB, {protocol}, {way}, {unit}", figures, f"turnout.{protocol}, {way}", "tritonclient.http", what, bar)
        for what, unit in ((WALL, "wall"), (CPU, "client CPU"))
        for way, bar in (("same host", 0.18), ("wire", 0.60))
        for protocol in ("http", "grpc")
    ]


def threshold(server: LocalServer, rounds: int) -> list[Measured]:
    """Compare shared memory with the wire for growing tensors."""
    found = []
    for kibibytes in (16, 64, 128, 256, 512, 1024, 4096):
        for protocol in ("http", "grpc"):
            names = {"wire": f"turnout.{protocol}:1{WIRE}"}
            names["shared memory"] = f"turnout.{protocol}:1:{json.dumps({'shared_memory_threshold_bytes': 1})}"
            figures = interleave(server, "echo", kibibytes * 256, 20, rounds, names)
            ratio = median(figures, "shared memory", WALL) / median(figures, "wire", WALL)
            found.append(Measured(f"{kibibytes} KiB each way, {protocol}, shared memory over the wire", ratio, None))
    return found


if __name__ == "__main__":
    groups: dict[str, Callable[[LocalServer, int], list[Measured]]] = {"small": small, "many": many, "large": large}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default=",".join(groups), help="groups, separated by commas: small, many, large")
    parser.add_argument("--threshold", action="store_true")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    chosen = [threshold] if arguments.threshold else [groups[name] for name in arguments.only.split(",")]
    with echo_server() as running:
        measured = [figure for compare in chosen for figure in compare(running, arguments.rounds)]
    sys.exit(report(measured, arguments.json))
