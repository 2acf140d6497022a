"""Measurements of a model's backends, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.commands.bench import BenchOptions, BenchResult, bench_file
from turnout.commands.bench.load.outcome import LoadOutcome
from turnout.errors import BackendUnavailableError, ConfigurationError, InferenceError, InvalidInputError, UnknownNameError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne, Unavailable

SETTINGS = """\
models:
  m:
    backend: good
    max_batch_size: 8
    backends: {good: , other: }
"""


class Known(PlusOne):
    """Collects the first element of each request; takes ``seconds``."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.received: list[float] = []
        self.seconds = seconds
        self.closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.received.append(float(request.inputs["x"][0, 0]))
        time.sleep(self.seconds)  # what a model takes
        return super().infer(request)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1, 4)),))

    def close(self) -> None:
        super().close()
        self.closed = True


Run = Callable[..., BenchResult]


@pytest.fixture
def bench(tmp_path: Path, plugins_with: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that measures the model ``m`` on ``good`` and ``other``."""
    (tmp_path / "turnout.yaml").write_text(SETTINGS, "utf-8")

    def run(
        good: Callable[[], ModelInference] = Known, other: Callable[[], ModelInference] = Known, **options: Any
    ) -> BenchResult:
        plugins = plugins_with({"good": good, "other": other})
        monkeypatch.setattr("turnout.commands.bench.command.find_plugins", lambda: plugins)
        options = {"seconds": 0.1, "callers": [1], "compare_batching": False, **options}
        return bench_file(tmp_path / "turnout.yaml", "m", BenchOptions(**options))

    return run


def record(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        np.savez(folder / f"{number}.npz", x=np.full((1, 4), number, np.float32))
    return folder


def test_the_serving_backend_is_measured_alone_unless_others_are_named(bench: Run) -> None:
    measured = bench()

    assert (measured.kind, measured.name, measured.reference) == ("model", "m", "good")
    assert measured.source == "generated from its signature"
    assert [(one.backend, one.callers) for one in measured.results] == [("good", 1)]
    assert measured.results[0].requests_per_second > 0


@pytest.mark.parametrize(("round_seconds", "rounds"), [(1.0, 10), (2.5, 4), (60.0, 3)])
def test_the_number_of_rounds_follows_the_time_that_a_round_takes(
    bench: Run, monkeypatch: pytest.MonkeyPatch, round_seconds: float, rounds: int
) -> None:
    class Loop:
        def __init__(self, *_: Any) -> None:
            pass

        def run(self, seconds: float, requests: int | None = None) -> tuple[float, LoadOutcome]:
            return round_seconds, LoadOutcome([seconds])

    monkeypatch.setattr("turnout.commands.bench.plan.ClosedLoop", Loop)

    (one,) = bench(seconds=10.0).results

    assert (len(one.rounds), one.requests, one.latency_seconds["max"]) == (rounds, rounds, 1.0)


@pytest.mark.clock
def test_a_slower_backend_has_worse_ratios(bench: Run) -> None:
    good, slow = bench(lambda: Known(0.001), lambda: Known(0.004), against=["other"], seconds=0.3).results

    assert (good.latency_ratio, slow.backend) == (None, "other")
    assert slow.latency_ratio is not None
    assert slow.rate_ratio is not None
    assert slow.latency_ratio > 2
    assert slow.rate_ratio < 0.5


@pytest.mark.clock
def test_each_number_of_callers_is_measured(bench: Run) -> None:
    measured = bench(lambda: Known(0.002), against=["other"], callers=[1, 4], seconds=0.2)

    assert [(one.backend, one.callers) for one in measured.results] == [("good", 1), ("other", 1), ("good", 4), ("other", 4)]
    alone, _, many, _ = measured.results
    assert many.requests_per_second > 2 * alone.requests_per_second


def test_the_records_of_the_models_own_recording_are_sent_in_turn(bench: Run, tmp_path: Path) -> None:
    record(tmp_path / "recordings" / "m", 3)
    model = Known()

    measured = bench(lambda: model)

    assert measured.requests == 3
    assert measured.source.startswith("recorded in ")
    assert set(model.received) == {0, 1, 2}
    assert model.closed


def test_only_the_first_records_of_a_large_recording_are_sent(bench: Run, tmp_path: Path, monkeypatch: Any) -> None:
    folder = record(tmp_path / "large", 5)

    monkeypatch.setattr("turnout.commands.bench.requests._MAX_RECORDS", 4)
    assert bench(recording=folder).requests == 4
    monkeypatch.setattr("turnout.commands.bench.requests._MAX_RECORD_BYTES", 40)
    assert bench(recording=folder).requests == 2
    monkeypatch.setattr("turnout.commands.bench.requests._MAX_RECORD_BYTES", 1)
    assert bench(recording=folder).requests == 1


def test_failures_are_reported_and_the_rest_is_measured(bench: Run) -> None:
    class Fails(Known):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            response = super().infer(request)
            if len(self.received) % 20 == 0:
                raise InferenceError("every twentieth")
            return response

    measured = bench(Fails)

    (failure,) = measured.failures()
    assert "requests to 'good' failed at 1 caller, InferenceError: 'generated-" in failure
    assert failure.endswith(": every twentieth")
    assert measured.results[0].requests > measured.results[0].failed["InferenceError"]


def test_a_request_of_another_model_is_refused_by_its_name(bench: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", y=np.zeros((1, 4), np.float32))

    with pytest.raises(InvalidInputError, match=r"'odd' is not a request for this model: .*'y'"):
        bench(inputs=[tmp_path / "odd.npz"])
    assert bench().results[0].requests


def test_shapes_imply_generated_requests_despite_a_recording(bench: Run, tmp_path: Path) -> None:
    record(tmp_path / "recordings" / "m", 3)

    assert bench(shapes={"x": (4,)}).source == "generated from its signature"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"against": ["good"]}, ConfigurationError),
        ({"against": ["gud"]}, UnknownNameError),
        ({"recording": Path("nowhere")}, InvalidInputError),
        ({"inputs": [Path("nowhere.npz")]}, InvalidInputError),
    ],
)
def test_wrong_options_are_refused(bench: Run, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        bench(**options)
    assert bench().results[0].requests


def test_a_backend_that_cannot_be_reached_ends_the_measurement(bench: Run) -> None:
    with pytest.raises(BackendUnavailableError):
        bench(other=Unavailable, against=["other"], generate=1, shapes={"x": (4,)})
