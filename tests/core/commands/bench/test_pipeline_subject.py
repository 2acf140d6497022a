"""A pipeline that is measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, PipelineContext, PipelineStep
from turnout.commands.bench import BenchOptions, BenchResult, bench_file
from turnout.errors import (
    ConfigurationError,
    InferenceError,
    InvalidInputError,
    PipelineFailedError,
    PipelineWiringError,
    UnknownNameError,
)
from turnout.testing import PlusOne

SETTINGS = {
    "models": {"m": {"backend": "good", "backends": {"good": {}, "other": {}}}},
    "pipelines": {"p": ["ask"], "m": ["ask"]},
}


class Asks(PipelineStep):
    """Sends ``picture``, as many times as ``count`` says."""

    model = "m"
    inputs = ("picture",)
    optional_inputs = ("count",)
    provides = ("answers",)

    def __init__(self, example: Mapping[str, Any] | None = None) -> None:
        self.example = {"picture": 1.0} if example is None else example
        self.seen: list[Any] = []

    def example_inputs(self) -> Mapping[str, Any]:
        return self.example

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        self.seen.append(context["picture"])
        value = float(context["picture"]) if isinstance(context["picture"], float) else 0.0
        return [InferenceRequest({"x": np.full((1,), value, np.float32)})] * context.get("count", 1)

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        for index, response in enumerate(responses):
            if response.error is not None:
                context.report(response.error, index)
        context["answers"] = len(responses)


class FailsEverySecond(PlusOne):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.count += 1
        if self.count > 20 and self.count % 2:
            raise InferenceError("every second")
        return super().infer(request)


Run = Callable[..., BenchResult]


@pytest.fixture
def bench(tmp_path: Path, plugins_with: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that measures a pipeline of one step, with a model on ``good`` and ``other``."""
    (tmp_path / "turnout.yaml").write_text(json.dumps(SETTINGS), "utf-8")

    def run(name: str = "p", step: PipelineStep | None = None, good: Any = PlusOne, **options: Any) -> BenchResult:
        made = step or Asks()
        plugins = plugins_with({"good": good, "other": PlusOne}, {"ask": lambda: made})
        monkeypatch.setattr("turnout.commands.bench.command.find_plugins", lambda: plugins)
        options = {"requests": 12, "callers": [2], **options}
        return bench_file(tmp_path / "turnout.yaml", name, BenchOptions(**options))

    return run


def pictures(folder: Path, count: int = 3) -> list[Path]:
    folder.mkdir()
    files = [folder / f"{number}.jpg" for number in range(count)]
    for file in files:
        file.write_bytes(b"")
    return files


def test_without_files_the_steps_give_the_example(bench: Run) -> None:
    step = Asks()

    measured = bench(step=step)

    assert (measured.kind, measured.name, measured.reference) == ("pipeline", "p", "good")
    assert (measured.source, measured.requests) == ("examples of its steps", 1)
    assert (measured.results[0].requests, measured.results[0].failed) == (12, {})
    assert set(step.seen) == {1.0}


def test_the_files_of_a_folder_are_run_in_turn(bench: Run, tmp_path: Path) -> None:
    step, files = Asks(), pictures(tmp_path / "pictures")

    measured = bench(step=step, files=[tmp_path / "pictures"])

    assert measured.requests == 3
    assert measured.source == f"3 files of {tmp_path / 'pictures'}"
    assert set(step.seen) == set(files)


def test_other_inputs_are_set(bench: Run) -> None:
    step = Asks(example={})

    bench(step=step, values={"picture": 2.0, "count": 3})

    assert set(step.seen) == {2.0}


def test_the_models_move_to_another_backend(bench: Run) -> None:
    measured = bench(against=["other"])

    assert [one.backend for one in measured.results] == ["good", "other"]
    assert measured.results[1].rate_ratio is not None


def test_a_run_of_which_a_part_fails_is_a_failure_and_no_answer(bench: Run) -> None:
    measured = bench(good=FailsEverySecond, values={"count": 2}, requests=60)

    one = measured.results[0]
    assert one.failed["PipelineFailedError"] == one.requests - sum(round_["answered"] for round_ in one.rounds) > 0  # type: ignore[misc]
    assert "'example': " in measured.failures()[0]


def test_a_first_run_that_fails_ends_the_command(bench: Run) -> None:
    class Broken(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise InferenceError("broken")

    with pytest.raises(PipelineFailedError, match="broken"):
        bench(good=Broken)


def test_an_input_without_example_must_be_given(bench: Run) -> None:
    with pytest.raises(InvalidInputError, match="pipeline 'p' needs 'picture', of which no step has an example; give files"):
        bench(step=Asks(example={}))


def test_a_model_has_precedence_over_a_pipeline_of_its_name_unless_files_are_given(bench: Run, tmp_path: Path) -> None:
    pictures(tmp_path / "pictures")

    assert bench("m").kind == "model"
    assert bench("m").source == "of pipeline 'p', run on examples of its steps"
    assert bench("m", files=[tmp_path / "pictures"]).kind == "pipeline"


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("q", {}, UnknownNameError, "unknown model or pipeline 'q'; known: m, m, p"),
        ("p", {"against": ["othr"]}, UnknownNameError, "unknown backend 'othr'; known: good, other. Did you mean 'other'"),
        ("p", {"against": ["good"]}, ConfigurationError, "runs on 'good', which cannot be compared with itself"),
        ("p", {"generate": 3}, ConfigurationError, "--generate gives requests of a model, and 'p' is a pipeline"),
        ("p", {"shapes": {"x": (1,)}}, ConfigurationError, "--shape gives requests of a model"),
        ("m", {"values": {"x": 1}}, ConfigurationError, "--set gives inputs of a pipeline, and 'm' is a model"),
        ("p", {"files": ["a"], "values": {"picture": 1.0}}, PipelineWiringError, "a file must be the only missing input"),
    ],
)
def test_wrong_options_are_refused(bench: Run, name: str, options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        bench(name, **options)

    assert words in str(raised.value)
    assert bench().results[0].requests
