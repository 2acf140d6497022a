"""``turnout serve`` beside LitServe, mosec and Triton's python backend: one model, one load, taken in turns on one machine.

The model is a small MLP on ONNX Runtime, FP32 [1, 16] to FP32 [1, 16], of about 10 us: what is measured is the server
around it. Each server is first tried with each of its configurations, and takes part with the fastest for this load. Then
the servers take turns: each is started, answers 32 callers and one caller, and is stopped; so its start and its memory are
measured as often as its rate, and no other server runs meanwhile. The load is a process of its own (``serve_load.py``), the
same for all, which keeps every distinct answer; all of them are compared with the model's. An echo server measures what the
load itself can do.

In an environment with turnout-web, turnout-onnxruntime, turnout-triton and onnx, such as ``.venvs/web``:

    python benchmarks/serve.py
    python benchmarks/serve.py --only Turnout,mosec --rounds 3 --seconds 2
    python benchmarks/serve.py --json out/serve.json
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from bars import Measured, report
from onnx_models import mlp, raw_session
from serve_peers import ALL, FILE, SIDES, WIDTH, Configuration, Running, Side, plain_json, process

LOAD = Path(__file__).with_name("serve_load.py")
CALLERS, START_SECONDS = (32, 1), 120.0
# (the peer, callers, the least ratio of our rate to its rate)
BARS = (("LitServe", 32, 10.0), ("mosec", 32, 1.2), ("Triton", 32, 1.0), ("Triton", 1, 1.0))


@dataclass(frozen=True, slots=True)
class Reading:
    """One turn of one load: requests a second, milliseconds at the percentiles, CPU of the server and of the load."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu_microseconds: float
    load_share: float


@dataclass(slots=True)
class Turns:
    """What a side showed in its turns."""

    chosen: dict[int, Configuration] = field(default_factory=dict)
    readings: dict[int, list[Reading]] = field(default_factory=dict)
    mebibytes: list[float] = field(default_factory=list)
    start_seconds: list[float] = field(default_factory=list)

    def median(self, callers: int, what: str) -> float:
        """Return the median of a field over the turns."""
        return statistics.median(getattr(reading, what) for reading in self.readings[callers])


@dataclass(frozen=True, slots=True)
class Work:
    """The rows that are sent, one for each caller, and the answers that they must get."""

    folder: Path
    rows: np.ndarray
    answers: np.ndarray

    @classmethod
    def prepare(cls, folder: Path) -> Work:
        """Write the model into ``folder`` and return the rows with the answers of a plain session."""
        onnx.save(mlp(WIDTH, 2), folder / FILE)
        rows = np.random.default_rng(7).standard_normal((max(CALLERS), 1, WIDTH)).astype(np.float32)
        session = raw_session(folder / FILE)
        return cls(folder, rows, np.stack([session.run(None, {"x": row})[0] for row in rows]))

    def check(self, side: Side, number: int, body: bytes) -> None:
        """Raise AssertionError if ``body`` is not the answer of that row."""
        if not np.allclose(side.decode(body).ravel(), self.answers[number].ravel(), rtol=1e-4, atol=1e-5):
            raise AssertionError(f"{side}: a caller got an answer that is not its own: {body[:200]!r}")


def load_average() -> str:
    """Return how busy the machine was in the last minute."""
    return f"load average {os.getloadavg()[0]:.1f}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def offer(port: int, requests: list[bytes], seconds: float, server: Running) -> tuple[Reading, list]:
    """Return the figures of one load, and each distinct answer with its caller.

    Raises:
        SystemExit: a request failed.
    """
    load = {"host": "127.0.0.1", "port": port, "seconds": seconds, "warm_seconds": min(1.0, seconds / 2)}
    load["requests"] = [request.hex() for request in requests]
    before = server.cpu_seconds()
    done = subprocess.run([sys.executable, LOAD], input=json.dumps(load), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the load ended with {done.returncode}: {done.stderr}")
    figures, cpu = json.loads(done.stdout), server.cpu_seconds() - before
    if figures["failed"]:
        raise SystemExit(f"requests failed: {figures['failed']}")
    took = sorted(figures["latencies"])
    p50, p95, p99 = (1000 * took[int(share * (len(took) - 1))] for share in (0.5, 0.95, 0.99))
    answered = sum(times for *_, times in figures["bodies"])
    return Reading(
        len(took) / figures["seconds"], p50, p95, p99, 1e6 * cpu / answered, figures["cpu"] / figures["seconds"]
    ), figures["bodies"]


def wait_for_first_answer(side: Side, port: int, work: Work) -> None:
    """Return when the server has answered the first row."""
    headers, body = side.encode(work.rows[0])
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection,
        ):
            connection.request("POST", side.path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status == 200:
                work.check(side, 0, answer)
                return
        time.sleep(0.01)
    raise SystemExit(f"{side} does not answer within {START_SECONDS:.0f} s")


@contextlib.contextmanager
def started(side: Side, chosen: Configuration, work: Work) -> Iterator[tuple[Running, int, float]]:
    """Yield the server, its port and the seconds until its first answer."""
    port = free_port()
    with side.start(work.folder, port, side.form, chosen) as server:
        wait_for_first_answer(side, port, work)
        yield server, port, time.monotonic() - server.began


def measure(side: Side, callers: int, port: int, server: Running, work: Work, seconds: float) -> Reading:
    """Return the figures of one load whose answers are right."""
    reading, bodies = offer(port, [side.request(row) for row in work.rows[:callers]], seconds, server)
    for number, body, _ in bodies:
        work.check(side, number, bytes.fromhex(body))
    return reading


def choose(side: Side, work: Work, seconds: float) -> dict[int, Configuration]:
    """Try each configuration and return the fastest for each number of callers."""
    rates: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    for configuration in side.configurations:
        with started(side, configuration, work) as (server, port, _):
            for callers, found in rates.items():
                found.append(measure(side, callers, port, server, work, seconds).rate)
        print(
            f"  {side!s:16} {json.dumps(configuration):76} " + "".join(f"{found[-1]:9.0f}" for found in rates.values()),
            flush=True,
        )
    return {callers: side.configurations[int(np.argmax(found))] for callers, found in rates.items()}


def take_turn(side: Side, turns: Turns, work: Work, seconds: float) -> None:
    """Start the server, measure its loads and stop it; once for each configuration that was chosen."""
    for configuration in {json.dumps(one): one for one in turns.chosen.values()}.values():
        with started(side, configuration, work) as (server, port, start_seconds):
            for callers, chosen in turns.chosen.items():
                if chosen == configuration:
                    turns.readings.setdefault(callers, []).append(measure(side, callers, port, server, work, seconds))
                    if callers == max(CALLERS):
                        turns.mebibytes.append(server.mebibytes())
                        turns.start_seconds.append(start_seconds)


def ceiling(work: Work, seconds: float) -> float:
    """Return the rate of the load at a server that only echoes."""
    _, body = plain_json(work.answers[0])
    echo = Side("echo", "JSON", "/", plain_json, bytes, lambda *_: contextlib.nullcontext(), ())
    port = free_port()
    with process([sys.executable, SIDES / "echo_side.py", port, body.hex()], work.folder) as server:
        time.sleep(0.5)
        return offer(port, [echo.request(row) for row in work.rows], seconds, server)[0].rate


def show(found: dict[Side, Turns]) -> None:
    head = "".join(
        f"{f'{callers} in flight, 1/s' if callers > 1 else 'one caller, 1/s':>20}{'p50':>8}{'p95':>8}{'p99 ms':>8}{'CPU us':>8}"
        for callers in CALLERS
    )
    print(f"\n{'':16}{head}{'MB':>8}{'start s':>9}")
    for side, turns in found.items():
        cells = "".join(
            f"{turns.median(callers, 'rate'):>20.0f}"
            + "".join(f"{turns.median(callers, what):>8.2f}" for what in ("p50", "p95", "p99"))
            + f"{turns.median(callers, 'cpu_microseconds'):>8.0f}"
            for callers in CALLERS
        )
        print(f"{side!s:16}{cells}{statistics.median(turns.mebibytes):>8.0f}{statistics.median(turns.start_seconds):>9.2f}")


def judge(found: dict[Side, Turns]) -> list[Measured]:
    """Return the ratio of our rate to each peer's, turn by turn, where the form of the requests is the same."""
    measured = []
    ours = {side.form: turns for side, turns in found.items() if side.name == "Turnout"}
    for peer, callers, bar in BARS:
        for side, turns in found.items():
            if side.name == peer and side.form in ours:
                pairs = zip(ours[side.form].readings[callers], turns.readings[callers], strict=True)
                ratio = statistics.median(our.rate / their.rate for our, their in pairs)
                measured.append(Measured(f"{callers} in flight, rate over {side}", ratio, bar))
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load in a round")
    parser.add_argument("--trial-seconds", type=float, default=1.0, help="of each load when a configuration is tried")
    parser.add_argument("--only", default="", help="servers, separated by commas: LitServe, mosec, Triton, Turnout")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    sides = [side for side in ALL if not arguments.only or side.name in arguments.only.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        work = Work.prepare(Path(folder))
        most = ceiling(work, arguments.seconds)
        print(f"the load at an echo server, {max(CALLERS)} in flight: {most:.0f} requests a second; {load_average()}")
        print("\neach configuration: requests a second of " + ", ".join(f"{callers} in flight" for callers in CALLERS))
        found = {side: Turns(choose(side, work, arguments.trial_seconds)) for side in sides}
        for _ in range(arguments.rounds):
            for side, turns in found.items():
                take_turn(side, turns, work, arguments.seconds)
    show(found)
    shares = [reading.load_share for turns in found.values() for readings in turns.readings.values() for reading in readings]
    print(f"the load took at most {max(shares):.0%} of a core; {load_average()}")
    figures = {
        str(side): {"chosen": turns.chosen, "mebibytes": turns.mebibytes, "start_seconds": turns.start_seconds}
        for side, turns in found.items()
    }
    return report(judge(found), arguments.json, ceiling=most, sides=figures)


if __name__ == "__main__":
    sys.exit(main())
