"""All trials, each in a process of its own with limits on its time and memory; a second run goes on where one was ended."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.compatibility.architecture import SEED, Architecture

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/reference/compatibility.json"
PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one trial.

    Attributes:
        seconds: the time for all of its stages.
        cpu_seconds: the time of a CPU that its process may use.
        data_bytes: the memory that each of its processes may allocate.
    """

    seconds: float = 1800.0
    cpu_seconds: int = 400
    data_bytes: int = 8 << 30


def run_all(
    architectures: Iterable[Architecture], work: Path, limits: Limits, *, again: tuple[str, ...] = (), jobs: int = 1
) -> None:
    """Run the trials that have no result in ``work``, and those whose title contains one of ``again``, ``jobs`` at a time."""
    work.mkdir(parents=True, exist_ok=True)
    files = [(one, work / f"{digest_of(one)}.json") for one in _in_turns(architectures)]
    waiting = [(one, file) for one, file in files if not file.is_file() or any(part in one.title for part in again)]
    with ThreadPoolExecutor(jobs) as pool:
        for line in pool.map(lambda pair: _result_line(*pair, limits), waiting):
            print(line, flush=True)


def _in_turns(architectures: Iterable[Architecture]) -> list[Architecture]:
    """Return one of each task, then the next of each, so that a run that is ended has results of every task."""
    counts: dict[str, int] = {}
    turns = []
    for one in architectures:
        counts[one.task] = counts.get(one.task, 0) + 1
        turns.append((counts[one.task], one))
    return [one for _, one in sorted(turns, key=lambda turn: turn[0])]


def _result_line(architecture: Architecture, file: Path, limits: Limits) -> str:
    """Run one trial, and return its verdicts in one line."""
    file.unlink(missing_ok=True)
    failure = _run_apart(architecture, file, limits)
    if failure:
        file.write_text(json.dumps({**heading_of(architecture), "failure": failure}))
    return f"{architecture.title}: {failure or summary(json.loads(file.read_text('utf-8')))}"


def run_one(architecture: Architecture, file: Path, limits: Limits) -> None:
    """Run the trial of ``architecture`` in this process, a real Triton included, and write its result to ``file``."""
    resource.setrlimit(resource.RLIMIT_DATA, (limits.data_bytes, limits.data_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    from benchmarks.compatibility.trial import Trial, keep_state_in

    from turnout_triton.server import LocalServer, ServerOptions

    with tempfile.TemporaryDirectory() as folder:
        keep_state_in(Path(folder))
        trial = Trial(architecture, Path(folder))
        trial.run()
        if trial.served:
            options = ServerOptions(grace_seconds=0, models=(trial.models[trial.served],))
            with LocalServer(trial.repository, options) as server:
                trial.try_served(server.grpc_url)
    file.write_text(json.dumps(heading_of(architecture) | trial.found))


def merge(architectures: Iterable[Architecture], work: Path, results: Path) -> None:
    """Write the results in ``work`` to one file, in the order of the list."""
    files = [work / f"{digest_of(architecture)}.json" for architecture in architectures]
    found = [json.loads(file.read_text("utf-8")) for file in files if file.is_file()]
    text = json.dumps({"versions": versions(), "architectures": found}, indent=1, sort_keys=True)
    results.write_text(text + "\n", "utf-8")


def heading_of(architecture: Architecture) -> dict[str, Any]:
    """Return what a result says of its architecture; ``digest`` changes with its definition."""
    return {
        "name": architecture.name,
        "title": architecture.title,
        "task": architecture.task,
        "digest": digest_of(architecture),
    }


def digest_of(architecture: Architecture) -> str:
    """Return a name for the definition of ``architecture``."""
    definition = {name: getattr(architecture, name) for name in architecture.__slots__ if name != "seed"}
    definition |= {} if architecture.seed == SEED else {"seed": architecture.seed}
    return hashlib.sha256(json.dumps(definition, sort_keys=True, default=dict).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide the results."""
    return {package: version(package).partition("+")[0] for package in PACKAGES}


def summary(result: Mapping[str, Any]) -> str:
    """Return the verdicts of a result in one line."""
    parts = {name: value for name, value in result.items() if isinstance(value, Mapping)}
    return ", ".join(f"{name} {value.get('verdict')}" for name, value in parts.items())


def _run_apart(architecture: Architecture, file: Path, limits: Limits) -> str:
    """Run one trial in a process; return why it has no result."""
    command = [sys.executable, "-m", "benchmarks.compatibility", "--one", architecture.title, "--out", str(file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    log = file.with_suffix(".log")
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True)
        try:
            code = process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            return f"took longer than {limits.seconds:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code or not file.is_file():
        last = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-1:]
        return f"ended with {code}: {''.join(last)[:300]}"
    return ""
