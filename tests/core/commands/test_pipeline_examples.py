"""Requests that pipelines send on the examples of their steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, ModelInference, PipelineContext, PipelineStep
from turnout.commands.pipeline_examples import find_example_requests
from turnout.errors import BackendUnavailableError
from turnout.metrics import Metrics
from turnout.serving.app import Turnout
from turnout.settings import load_settings
from turnout.testing import PlusOne, Unavailable


class Asks(PipelineStep):
    inputs = ("length",)
    provides = ("answers",)

    def __init__(self, model: str, example: Mapping[str, Any], provides: str) -> None:
        self.model = model
        self.example = example
        self.provides = (provides,)

    def example_inputs(self) -> Mapping[str, Any]:
        return self.example

    def preprocess(self, context: PipelineContext) -> list[InferenceRequest]:
        return [InferenceRequest({"x": np.ones((1, context["length"]), np.float32)}) for _ in range(70)]

    def postprocess(self, context: PipelineContext, responses: Any) -> None:
        context[self.provides[0]] = [response["x"] for response in responses]


Find = Callable[..., tuple[list[Any], str]]


@pytest.fixture
def find(tmp_path: Path, plugins_with: Any) -> Find:
    """Return a function that looks for requests of the model ``m``, which comes after ``first`` in two pipelines."""

    def run(example: Mapping[str, Any], first: Callable[[], ModelInference] = PlusOne) -> tuple[list[Any], str]:
        steps = {"ask": lambda: Asks("m", example, "a"), "before": lambda: Asks("first", {}, "b")}
        plugins = plugins_with({"b": PlusOne, "f": first}, steps)
        source = {
            "models": {
                "m": {"backend": "b", "backends": {"b": {}}},
                "first": {"backend": "f", "backends": {"f": {}}},
            },
            "pipelines": {"other": ["before"], "p": ["before", "ask"]},
        }
        (tmp_path / "turnout.yaml").write_text(json.dumps(source))
        loaded = load_settings(tmp_path / "turnout.yaml", registry=plugins)
        with Turnout(loaded, plugins, Metrics()) as app:
            return find_example_requests(app, plugins, loaded, "m")

    return run


def test_the_requests_have_the_sizes_that_the_step_knows(find: Find) -> None:
    sent, pipeline = find({"length": 7})

    assert pipeline == "p"
    assert {request["x"].shape for request in sent} == {(1, 7)}


def test_only_the_first_requests_are_kept(find: Find) -> None:
    assert len(find({"length": 1})[0]) == 64


def test_without_an_example_there_are_none(find: Find) -> None:
    assert find({}) == ([], "")


def test_a_pipeline_that_cannot_run_here_gives_none(find: Find, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    class Away(Unavailable):
        def infer(self, request: InferenceRequest) -> Any:
            raise BackendUnavailableError("connection refused")

    sent, _ = find({"length": 1}, Away)

    assert len(sent) in (0, 64)  # the steps do not wait for each other
    assert "gives no requests for model 'm'" in caplog.text or sent
