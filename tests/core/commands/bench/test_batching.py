"""Arms that merge requests or not, with instances, through the real batcher."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from turnout import (
    Backend,
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    ModelSignature,
    Options,
    ServerStatistics,
    hookimpl,
)
from turnout.commands.bench import BenchOptions, BenchResult, bench_file
from turnout.commands.bench.verdict import Gain
from turnout.errors import BackendUnavailableError, ConfigurationError, InvalidInputError
from turnout.plugins.discovery import Plugins
from turnout.plugins.instances import InstanceGroup
from turnout.tensors import TensorSpec

SETTINGS = """\
models:
  m:
    backend: serial
    max_batch_size: 16{batching}
    inputs: {{x: "FP32[4]"}}
    backends:
      serial:
      server:
      away:
"""


class Serial(ModelInference):
    """Runs one request at a time, each in 4 ms and 50 us a row, as an accelerator would."""

    def __init__(self, seconds: float = 0.004, seconds_per_row: float = 0.00005) -> None:
        self.lock = threading.Lock()
        self.seconds = seconds
        self.seconds_per_row = seconds_per_row
        self.rows: list[int] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        x = request.inputs["x"]
        with self.lock:
            self.rows.append(len(x))
            time.sleep(self.seconds + self.seconds_per_row * len(x))
        return InferenceResponse({"y": x + 1}, request.id)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1, 4)),), (TensorSpec("y", "FP32", (-1, 4)),))


class SerialOptions(Options):
    instance_group: tuple[InstanceGroup, ...] = ()


class NoOptions(Options):
    """The options of a backend that has none."""


class Server(Serial):
    """Reports the parts of its answers, and counts as a server does."""

    counted = ServerStatistics()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        response = super().infer(request)
        rows = len(request.inputs["x"])
        with self.lock:
            Server.counted += ServerStatistics(1, 0.001, 0.002, {rows: (1, 0.002)})
        return InferenceResponse(response.outputs, request.id, {"encode": 0.0001, "round_trip": 0.004, "decode": 0.0001})


def _refuse(*_: Any) -> ServerStatistics:
    raise BackendUnavailableError("no statistics here")


def plugins_of(backends: list[Backend[Any]], monkeypatch: pytest.MonkeyPatch) -> Plugins:
    module: Any = ModuleType("turnout_test_batching")
    module.turnout_backends = hookimpl(specname="turnout_backends")(lambda: backends)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Plugins([EntryPoint("batching", module.__name__, "turnout")])


Run = Callable[..., BenchResult]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that measures the model ``m``."""

    def run(batching: str = "", model: Callable[[], ModelInference] = Serial, **options: Any) -> BenchResult:
        (tmp_path / "turnout.yaml").write_text(SETTINGS.format(batching=batching), "utf-8")
        backends = [
            Backend(
                "serial",
                lambda declaration, options: model(),
                SerialOptions,
                instances=lambda options: [
                    options.model_copy(update={"instance_group": ()})
                    for group in options.instance_group
                    for _ in range(group.count)
                ],
            ),
            Backend("server", lambda *_: Server(), NoOptions, batches=True, statistics=lambda *_: Server.counted),
            Backend("away", lambda *_: Serial(), NoOptions, batches=True, statistics=_refuse),
        ]
        plugins = plugins_of(backends, monkeypatch)
        monkeypatch.setattr("turnout.commands.bench.command.find_plugins", lambda: plugins)
        options = {"callers": [8], "seconds": 0.5, "shapes": {"x": (4,)}, **options}
        return bench_file(tmp_path / "turnout.yaml", "m", BenchOptions(**options))

    return run


@pytest.mark.clock
def test_batching_helps_a_model_whose_time_hardly_grows_with_its_rows(bench: Run) -> None:
    measured = bench()

    off, on = measured.results
    assert (off.batching, on.batching) == (False, True)
    assert on.rate_ratio is not None
    assert on.rate_ratio > 1.5
    [verdict] = measured.verdicts
    assert verdict.gain is Gain.HELPS
    assert measured.recommendation is not None
    assert measured.recommendation.batching is True
    assert on.batch_size is not None
    assert on.batch_size > 4
    assert sum(on.batch_sizes.values()) < on.requests
    assert on.parts["queue"] > 0
    assert sum(on.parts.values()) == pytest.approx(on.latency_seconds["mean"])


@pytest.mark.clock
def test_batching_does_not_help_a_model_whose_time_is_that_of_its_rows(bench: Run) -> None:
    measured = bench(model=lambda: Serial(0.0, 0.002), seconds=1.0)

    [verdict] = measured.verdicts
    assert verdict.gain is not Gain.HELPS
    assert measured.recommendation is not None
    assert measured.recommendation.batching is not True


def test_as_written_comes_first_and_alone_for_one_caller(bench: Run) -> None:
    merged = bench("\n    dynamic_batching: {}", callers=[1, 8], seconds=0.1)
    single = bench(callers=[1, 8], seconds=0.1)

    assert [(one.callers, one.batching) for one in merged.results] == [(1, True), (8, True), (8, False)]
    assert [(one.callers, one.batching) for one in single.results] == [(1, False), (8, False), (8, True)]


def test_full_batches_are_not_compared(bench: Run) -> None:
    measured = bench(batches=[1, 16], requests=10)

    assert [(one.batch, one.batching) for one in measured.results] == [(1, False), (1, True), (16, False)]
    full = measured.results[-1]
    assert full.rows_per_second == pytest.approx(16 * full.requests_per_second)


def test_the_comparison_can_be_left_out(bench: Run) -> None:
    measured = bench(compare_batching=False, requests=10)

    assert [one.batching for one in measured.results] == [None]
    assert (measured.verdicts, measured.recommendation) == ((), None)


@pytest.mark.clock
def test_instances_run_at_the_same_time(bench: Run) -> None:
    measured = bench(instances=[1, 4], compare_batching=False, seconds=1.5)

    written, one, four = measured.results
    assert [result.instances for result in measured.results] == [None, 1, 4]
    assert four.requests_per_second > 1.5 * one.requests_per_second
    assert written.rate_ratio is None


def test_the_present_delay_is_not_measured_twice(bench: Run) -> None:
    measured = bench(
        "\n    dynamic_batching: {max_queue_delay_microseconds: 100}", delays=[0, 100, 500], callers=[2], requests=10
    )

    assert [(one.batching, one.delay) for one in measured.results] == [(True, None), (True, 0), (True, 500), (False, None)]


def test_a_server_is_measured_by_what_it_counts(bench: Run) -> None:
    measured = bench(against=["server"], compare_batching=False, requests=40, seconds=None)

    server = measured.results[1]
    assert set(server.parts) >= {"encode", "wire", "server queue", "server compute", "decode"}
    assert server.parts["server compute"] == pytest.approx(2 * server.parts["server queue"], rel=0.01)
    assert sum(server.parts.values()) == pytest.approx(server.latency_seconds["mean"])
    assert (server.batch_size, server.batch_sizes) == (1.0, {1: 40})
    assert "the server merged no requests" in measured.verdicts[0].text


def test_a_server_without_statistics_is_measured_from_outside(bench: Run) -> None:
    measured = bench(against=["away"], compare_batching=False, requests=20)

    assert measured.results[1].requests == 20
    assert measured.results[1].batch_size is None


def test_the_rows_of_a_batch_are_rows_of_the_requests(bench: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(12, dtype=np.float32).reshape(3, 4))

    measured = bench(inputs=[tmp_path / "a.npz"], shapes={}, batches=[2], requests=5, compare_batching=False)

    assert (measured.results[0].batch, measured.requests) == (2, 1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batches": [17]}, ConfigurationError, "takes 16 rows at most in a request (max_batch_size"),
        ({"instances": [2], "against": ["server"]}, ConfigurationError, "backend 'server' has no option 'instance_group'"),
        ({"delays": [5], "against": ["server"]}, ConfigurationError, "because the backend merges them itself"),
    ],
)
def test_a_sweep_that_is_not_possible_says_why(bench: Run, options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        bench(**options)

    assert words in str(raised.value)


def test_requests_without_a_common_axis_make_no_batch(bench: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 4), np.float32))

    with pytest.raises(InvalidInputError):
        bench(inputs=[tmp_path / "a.npz"], shapes={}, batches=[2])
