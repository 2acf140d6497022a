"""The servers that ``serve.py`` compares, each with the configurations that it offers for one small model on the CPU.

LitServe and mosec have virtual environments of their own in the user's cache, Triton has the one of ``turnout triton install``,
and Turnout runs in the environment of the benchmark.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

SIDES = Path(__file__).with_name("serve_sides")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "turnout-benchmarks"
# The versions that the figures on the page are about.
PEERS = {"litserve": "litserve==0.2.19", "mosec": "mosec==0.9.8"}
MODEL, FILE, WIDTH = "mlp", "mlp.onnx", 16
TICKS = os.sysconf("SC_CLK_TCK")
Configuration = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Running:
    """A server that was started: its first process, and the monotonic time at which that one began."""

    pid: int
    began: float

    def processes(self) -> list[int]:
        """Return the process and all of its descendants."""
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(stat.parent.name))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def mebibytes(self) -> float:
        """Return the resident memory of all processes; pages that they share count once (PSS)."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return total / 1024

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes until now."""
        ticks = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        return ticks / TICKS


def python_of(peer: str) -> Path:
    """Return the interpreter of an environment that has only this peer, made at its first use."""
    folder = CACHE / PEERS[peer].replace("==", "-")
    python, done = folder / "bin/python", folder / "done"
    if not done.exists():
        from importlib.metadata import version

        venv.create(folder, with_pip=True, clear=True)
        same = [f"{name}=={version(name)}" for name in ("numpy", "onnxruntime")]
        pip = [python, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, PEERS[peer], *same], check=True)
        done.touch()
    return python


@contextlib.contextmanager
def process(command: list[object], folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a server in a process group of its own; its last lines are shown if it ends before its time."""
    with tempfile.TemporaryFile(dir=folder) as log:
        began = time.monotonic()
        started = subprocess.Popen(
            list(map(str, command)),
            stdout=log,
            stderr=log,
            env={**os.environ, **(variables or {})},
            cwd=folder,
            start_new_session=True,
        )
        try:
            yield Running(started.pid, began)
            if started.poll() is not None:
                raise SystemExit(f"{command} has ended with {started.returncode}")
        except BaseException:
            log.seek(0)
            print(log.read()[-3000:].decode(errors="replace"), file=sys.stderr)
            raise
        finally:
            _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(10)
    # A helper may outlive the first process for a moment.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)


# ---- what is sent


Sent = tuple[dict[str, str], bytes]  # the headers and the body


def plain_json(row: np.ndarray) -> Sent:
    return {"Content-Type": "application/json"}, json.dumps({"x": row.tolist()}).encode()


def raw_bytes(row: np.ndarray) -> Sent:
    return {"Content-Type": "application/octet-stream"}, row.tobytes()


def kserve_json(row: np.ndarray) -> Sent:
    tensor = {"name": "x", "shape": row.shape, "datatype": "FP32", "data": row.ravel().tolist()}
    return {"Content-Type": "application/json"}, json.dumps({"inputs": [tensor]}).encode()


def kserve_binary(row: np.ndarray) -> Sent:
    tensor = {"name": "x", "shape": row.shape, "datatype": "FP32", "parameters": {"binary_data_size": row.nbytes}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return headers, head + row.tobytes()


def of_plain_json(body: bytes) -> np.ndarray:
    return np.asarray(json.loads(body)["y"], np.float32)


def of_kserve_json(body: bytes) -> np.ndarray:
    return np.asarray(json.loads(body)["outputs"][0]["data"], np.float32)


def of_last_bytes(body: bytes) -> np.ndarray:
    return np.frombuffer(body[-4 * WIDTH :], np.float32)


# ---- how each is started


def litserve(folder: Path, port: int, form: str, chosen: Configuration) -> AbstractContextManager[Running]:
    assert form == "JSON"
    return process([python_of("litserve"), SIDES / "litserve_side.py", port, folder / FILE, json.dumps(chosen)], folder)


def mosec(folder: Path, port: int, form: str, chosen: Configuration) -> AbstractContextManager[Running]:
    own = {"SIDE_MODEL": str(folder / FILE), "SIDE_FORM": form, "SIDE_CONFIGURATION": json.dumps(chosen)}
    options = {"MOSEC_ADDRESS": "127.0.0.1", "MOSEC_PORT": str(port), "MOSEC_LOG_LEVEL": "warning"}
    return process([python_of("mosec"), SIDES / "mosec_side.py"], folder, own | options)


@contextlib.contextmanager
def triton(folder: Path, port: int, form: str, chosen: Configuration) -> Iterator[Running]:
    from turnout_triton.server import LocalServer, Ports, ServerOptions

    with tempfile.TemporaryDirectory(dir=folder) as repository:
        version = Path(repository) / MODEL / "1"
        version.mkdir(parents=True)
        shutil.copy(SIDES / "triton_side.py", version / "model.py")
        shutil.copy(folder / FILE, version)
        tensors = "\n".join(
            f'{kind} [ {{ name: "{name}" data_type: TYPE_FP32 dims: [ {WIDTH} ] }} ]'
            for kind, name in (("input", "x"), ("output", "y"))
        )
        batching = "dynamic_batching { }" if chosen["batching"] else ""
        instances = f"instance_group [ {{ kind: KIND_CPU count: {chosen['instances']} }} ]"
        (version.parent / "config.pbtxt").write_text(
            f'backend: "python"\nmax_batch_size: 32\n{tensors}\n{instances}\n{batching}\n'
        )
        with LocalServer(repository, ServerOptions(trust=True, grace_seconds=0, ports=Ports(http=port))) as server:
            stat = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
            yield Running(server.pid, int(stat[19]) / TICKS)


def turnout(folder: Path, port: int, form: str, chosen: Configuration) -> AbstractContextManager[Running]:
    batching = ", dynamic_batching: {}" if chosen["batching"] else ""
    options = f"onnxruntime: {{path: {folder / FILE}, intra_op_num_threads: 1}}"
    model = f"{{backend: onnxruntime, max_batch_size: 32{batching}, preload: true, backends: {{{options}}}}}"
    (folder / "turnout.yaml").write_text(f"models:\n  {MODEL}: {model}\n")
    arguments = ["serve", str(folder / "turnout.yaml"), "--port", str(port), "--workers", str(chosen["workers"])]
    return process([sys.executable, "-c", f"from turnout.cli import main; main({arguments!r})"], folder)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A server and one form of its requests, with the configurations from which the fastest is chosen."""

    name: str
    form: str
    path: str
    encode: Callable[[np.ndarray], Sent]
    decode: Callable[[bytes], np.ndarray]
    start: Callable[[Path, int, str, Configuration], AbstractContextManager[Running]]
    configurations: tuple[Configuration, ...]

    def __str__(self) -> str:
        return f"{self.name}, {self.form}"

    def request(self, row: np.ndarray) -> bytes:
        """Return the bytes of one request."""
        headers, body = self.encode(row)
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _choices(**choices: tuple[object, ...]) -> tuple[Configuration, ...]:
    return tuple(dict(zip(choices, values, strict=True)) for values in product(*choices.values()))


BATCHES = {"max_batch_size": 32, "batch_timeout": 0.001}
LITSERVE = tuple(one | more for one in _choices(workers=(1, 2), fast_queue=(False, True)) for more in ({}, BATCHES))
MOSEC = _choices(workers=(1, 2), max_batch_size=(1, 32), max_wait_time=(1,))
TRITON = _choices(instances=(1, 2), batching=(False, True))
TURNOUT = _choices(workers=(1, 2), batching=(False, True))
INFER = f"/v2/models/{MODEL}/infer"
ALL = (
    Side("LitServe", "JSON", "/predict", plain_json, of_plain_json, litserve, LITSERVE),
    Side("mosec", "JSON", "/inference", plain_json, of_plain_json, mosec, MOSEC),
    Side("mosec", "binary", "/inference", raw_bytes, of_last_bytes, mosec, MOSEC),
    Side("Triton", "JSON", INFER, kserve_json, of_kserve_json, triton, TRITON),
    Side("Triton", "binary", INFER, kserve_binary, of_last_bytes, triton, TRITON),
    Side("Turnout", "JSON", INFER, kserve_json, of_kserve_json, turnout, TURNOUT),
    Side("Turnout", "binary", INFER, kserve_binary, of_last_bytes, turnout, TURNOUT),
)
