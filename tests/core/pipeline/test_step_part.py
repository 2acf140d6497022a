"""The parts of a run, each with what answered it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, PipelineContext, PipelineStep, StepPart, Turnout
from turnout.errors import InferenceError
from turnout.pipeline import AnsweredBy
from turnout.pipeline.step_part import count_answers
from turnout.testing import PlusOne, Unavailable


class Ask(PipelineStep):
    provides = ("y",)

    def __init__(self, model: str = "m", count: int = 3) -> None:
        self.model, self._count = model, count

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        time.sleep(0.01)
        return [InferenceRequest({"x": np.ones((1, 2), np.float32)})] * self._count

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["y"] = len(responses)


class Plain(PipelineStep):
    def process(self, context: PipelineContext) -> None:
        time.sleep(0.01)


def test_parts_are_in_the_order_of_their_start_with_their_times(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": PlusOne}, {"plain": Plain, "ask": Ask})

    result = app.run("all")

    assert [(part.step, part.part, part.model) for part in result.parts] == [
        ("plain", "process", None),
        ("ask", "preprocess", "m"),
        ("ask", "inference", "m"),
        ("ask", "postprocess", "m"),
    ]
    plain, preprocess, *_ = result.parts
    assert plain.seconds >= 0.01
    assert preprocess.start >= plain.start + plain.seconds
    assert {(part.step, part.part): part.seconds for part in result.parts} == {
        (step, part): seconds for step, parts in result.timings.items() for part, seconds in parts.items()
    }


@pytest.mark.parametrize("more", [{}, {"max_batch_size": 8, "dynamic_batching": {}}], ids=["alone", "batched"])
@pytest.mark.parametrize("run", [Turnout.run, lambda app, name: asyncio.run(app.arun(name))], ids=["threads", "loop"])
def test_the_inference_names_the_backend_that_answered(
    make_app: Callable[..., Turnout], run: Any, more: dict[str, Any]
) -> None:
    app = make_app({"m": PlusOne}, {"ask": Ask}, more={"m": more})

    [inference] = [part for part in run(app, "all").parts if part.part == "inference"]

    assert inference.answered_by == (AnsweredBy("m_backend", "", 3),)


def test_a_fallback_that_answers_is_named(make_app: Callable[..., Turnout]) -> None:
    arms = {"backends": {"m_backend": {}, "plus_backend": {}}, "fallback": "plus_backend"}
    app = make_app({"m": Unavailable, "plus": PlusOne}, {"ask": Ask}, more={"m": arms})

    [inference] = [part for part in app.run("all").parts if part.part == "inference"]

    assert inference.answered_by == (AnsweredBy("plus_backend", "", 3),)
    assert app.model("m").infer({"x": np.ones((1, 2), np.float32)}).backend == "plus_backend"


def test_each_response_of_a_stream_names_the_backend(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": PlusOne})

    responses = list(app.model("m").infer_stream({"x": np.ones((1, 2), np.float32)}))

    assert [response.backend for response in responses] == ["m_backend"]


def test_failed_requests_are_not_counted_and_the_most_frequent_comes_first() -> None:
    one, two = InferenceResponse({}, backend="a", model_version="1"), InferenceResponse({}, backend="b", model_version="2")
    failed = InferenceResponse({}, error=InferenceError("no"), backend="a")

    assert count_answers([one, two, failed, two]) == (AnsweredBy("b", "2", 2), AnsweredBy("a", "1", 1))


def test_a_run_without_requests_has_an_inference_that_nothing_answered(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": PlusOne}, {"ask": lambda: Ask(count=0)})

    [inference] = [part for part in app.run("all").parts if part.part == "inference"]

    assert isinstance(inference, StepPart)
    assert inference.answered_by == ()
