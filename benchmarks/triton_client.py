"""Cost of a call by Turnout's Triton client and by NVIDIA's, against one real tritonserver, interleaved in one run.

The model returns its input (python backend), so that the round trip is measured. Small tensors: FP32 [16], with one caller and
with 32 in flight (32 threads). Large ones: FP32 [3,000,000], 12 MB each way, one caller, against ``tritonclient.http``. Each
round runs every side once, in turn; figures are medians over rounds of the wall time of a call, as a ratio to the raw client.

    python benchmarks/triton_client.py            # starts the server by itself
    python benchmarks/triton_client.py --rounds 60
    python benchmarks/triton_client.py --threshold     # the size from which shared memory pays, Turnout against itself
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import shared_memory

import turnout
from turnout.metrics import Metrics
from turnout_triton.server import LocalServer, ServerOptions

SMALL, LARGE = np.arange(16, dtype=np.float32), np.random.default_rng(7).standard_normal(3_000_000).astype(np.float32)
IN_FLIGHT = 32
BARS = {"1 caller": 1.05, "32 in flight": 1.05, "12 MB, shared memory": 0.20, "12 MB, wire": 0.75}
ECHO = """
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


def raw_call(module: object, client: object, array: np.ndarray) -> Callable[[], np.ndarray]:
    """Return a call as in tritonclient's documentation."""

    def call() -> np.ndarray:
        tensor = module.InferInput("x", list(array.shape), "FP32")
        tensor.set_data_from_numpy(array)
        return client.infer("echo", [tensor], outputs=[module.InferRequestedOutput("y")]).as_numpy("y")

    return call


@contextlib.contextmanager
def raw_shared_memory_call(
    client: tritonclient.grpc.InferenceServerClient, array: np.ndarray
) -> Iterator[Callable[[], np.ndarray]]:
    """Yield a call through tritonclient's own shared memory, with regions that are created and registered beforehand."""
    regions = [shared_memory.create_shared_memory_region(name, f"/bench_{name}", array.nbytes) for name in ("x", "y")]
    for name in ("x", "y"):
        client.register_system_shared_memory(name, f"/bench_{name}", array.nbytes)
    tensor = tritonclient.grpc.InferInput("x", list(array.shape), "FP32")
    tensor.set_shared_memory("x", array.nbytes)
    output = tritonclient.grpc.InferRequestedOutput("y")
    output.set_shared_memory("y", array.nbytes)

    def call() -> np.ndarray:
        shared_memory.set_shared_memory_region(regions[0], [array])
        client.infer("echo", [tensor], outputs=[output])
        return shared_memory.get_contents_as_numpy(regions[1], np.float32, list(array.shape)).copy()

    try:
        yield call
    finally:
        client.unregister_system_shared_memory()
        for region in regions:
            shared_memory.destroy_shared_memory_region(region)


def seconds_a_call(call: Callable[[], np.ndarray], calls: int) -> float:
    """Return the mean wall time of ``calls`` calls, one after the other."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


class Crowd:
    """Threads that wait for work, so that their start is not measured."""

    def __init__(self, threads: int) -> None:
        self._start, self._end = threading.Barrier(threads + 1), threading.Barrier(threads + 1)
        self._work: tuple[Callable[[], np.ndarray], int] | None = None
        for _ in range(threads):
            threading.Thread(target=self._run, daemon=True).start()

    def seconds_a_call(self, call: Callable[[], np.ndarray], calls: int) -> float:
        """Return the wall time divided by the number of calls, ``calls`` for each thread."""
        self._work = (call, calls)
        start = time.perf_counter()
        self._start.wait()
        self._end.wait()
        return (time.perf_counter() - start) / (calls * IN_FLIGHT)

    def _run(self) -> None:
        while True:
            self._start.wait()
            call, calls = self._work
            for _ in range(calls):
                call()
            self._end.wait()


@contextlib.contextmanager
def echo_server() -> Iterator[LocalServer]:
    """Serve a model that returns its input."""
    with tempfile.TemporaryDirectory() as folder:
        version = Path(folder) / "echo" / "1"
        version.mkdir(parents=True)
        (version / "model.py").write_text(ECHO)
        (version.parent / "config.pbtxt").write_text(CONFIG)
        with LocalServer(folder, ServerOptions(trust=True, grace_seconds=0)) as server:
            yield server


@contextlib.contextmanager
def turnout_call(
    url: str, array: np.ndarray, shared_memory: str = "auto", threshold: int = 256 * 1024
) -> Iterator[Callable[[], np.ndarray]]:
    """Yield a call of an app on the server, through every middleware, as a user's."""
    options = {"url": url, "shared_memory": shared_memory, "shared_memory_threshold_bytes": threshold}
    settings = {"models": {"echo": {"backend": "triton", "backends": {"triton": options}}}}
    with turnout.open(settings, metrics=Metrics()) as app:
        model = app.model("echo")
        yield lambda: model.infer({"x": array})["y"]


def interleave(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return the figures of every side, measured in turn."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 2):
        for name, measure in sides.items():
            figure = measure()
            if number >= 2:
                figures[name].append(figure)
    return figures


def report(title: str, figures: dict[str, list[float]], raw: str) -> None:
    """Print medians and ratios, pair by pair."""
    print(f"\n{title}")
    for name, values in figures.items():
        ratio = statistics.median(value / base for value, base in zip(values, figures[raw], strict=True))
        bar = next((f"  (bar {bar:.2f})" for key, bar in BARS.items() if f"{title}|{name}".endswith(key)), "")
        print(f"  {name:<42} {statistics.median(values) * 1e6:10.1f} us  {ratio:6.3f} x{bar}")


def measure(server: LocalServer, rounds: int) -> None:
    """Measure every pair."""
    with contextlib.ExitStack() as stack:
        grpc = stack.enter_context(contextlib.closing(tritonclient.grpc.InferenceServerClient(server.grpc_url)))
        http = stack.enter_context(contextlib.closing(tritonclient.http.InferenceServerClient(server.http_url)))
        ours = stack.enter_context(turnout_call(server.grpc_url, SMALL))
        ours_http = stack.enter_context(turnout_call(f"http://{server.http_url}", SMALL))
        raw, raw_http = raw_call(tritonclient.grpc, grpc, SMALL), raw_call(tritonclient.http, http, SMALL)
        crowd = Crowd(IN_FLIGHT)
        for call in (raw, ours, ours_http, raw_http):
            assert np.array_equal(call(), SMALL)
        one = {
            "tritonclient.grpc": lambda: seconds_a_call(raw, 200),
            "turnout, grpc: 1 caller": lambda: seconds_a_call(ours, 200),
            "tritonclient.http": lambda: seconds_a_call(raw_http, 200),
            "turnout, http": lambda: seconds_a_call(ours_http, 200),
        }
        report("FP32 [16], one after the other", interleave(one, rounds), "tritonclient.grpc")
        many = {
            "tritonclient.grpc": lambda: crowd.seconds_a_call(raw, 20),
            "turnout, grpc: 32 in flight": lambda: crowd.seconds_a_call(ours, 20),
            "turnout, http": lambda: crowd.seconds_a_call(ours_http, 20),
        }
        report("FP32 [16], 32 threads", interleave(many, rounds), "tritonclient.grpc")
        sides = {
            "tritonclient.http": raw_call(tritonclient.http, http, LARGE),
            "tritonclient.grpc": raw_call(tritonclient.grpc, grpc, LARGE),
            "tritonclient.grpc, its shared memory": stack.enter_context(raw_shared_memory_call(grpc, LARGE)),
            "turnout, grpc: 12 MB, shared memory": stack.enter_context(turnout_call(server.grpc_url, LARGE)),
            "turnout, grpc: 12 MB, wire": stack.enter_context(turnout_call(server.grpc_url, LARGE, "off")),
            "turnout, http: 12 MB, shared memory": stack.enter_context(turnout_call(f"http://{server.http_url}", LARGE)),
            "turnout, http: 12 MB, wire": stack.enter_context(turnout_call(f"http://{server.http_url}", LARGE, "off")),
        }
        for call in sides.values():
            assert np.array_equal(call(), LARGE)
            assert np.array_equal(call(), LARGE)
        large = {name: (lambda call=call: seconds_a_call(call, 3)) for name, call in sides.items()}
        report("FP32 [3000000], one after the other", interleave(large, rounds), "tritonclient.http")


def measure_threshold(server: LocalServer, rounds: int) -> None:
    """Measure shared memory against the wire for growing tensors."""
    for kibibytes in (16, 64, 128, 256, 512, 1024, 4096):
        array = np.zeros(kibibytes * 256, np.float32)
        with turnout_call(server.grpc_url, array, threshold=1) as region, turnout_call(server.grpc_url, array, "off") as wire:
            for call in (region, wire) * 3:
                assert np.array_equal(call(), array)
            sides = {
                "wire": lambda call=wire: seconds_a_call(call, 20),
                "shared memory": lambda call=region: seconds_a_call(call, 20),
            }
            report(f"{kibibytes} KiB each way, grpc", interleave(sides, rounds), "wire")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threshold", action="store_true")
    arguments = parser.parse_args()
    with echo_server() as running:
        (measure_threshold if arguments.threshold else measure)(running, arguments.rounds)
