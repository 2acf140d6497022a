"""An app whose models were open before a fork answers in the child: each model is opened there again."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import ForkedAfterLoadError, TurnoutError
from turnout.metrics import Metrics

X = np.ones(2, np.float32)
LIMIT_SECONDS = 30

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class Local(ModelInference):
    """An engine that answers in the process that opened it; elsewhere it would hang, so that a call ends the process."""

    opened: list[int]

    def __init__(self) -> None:
        self._pid = os.getpid()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if os.getpid() != self._pid:
            os._exit(9)
        return InferenceResponse({"x": request.inputs["x"] + 1}, request.id)

    def ready(self) -> bool:
        return os.getpid() == self._pid

    def close(self) -> None:
        if os.getpid() != self._pid:
            os._exit(8)


class Refuses(Local):
    """Cannot be opened in a forked child."""

    parent = os.getpid()

    def __init__(self) -> None:
        super().__init__()
        if os.getpid() != Refuses.parent:
            raise ForkedAfterLoadError("CUDA was used before the fork; open it after the fork")


def in_child(work: Callable[[], bool], fork: Callable[[], int] = os.fork) -> int:
    """Return the exit code of a forked child: 0 if ``work`` holds."""
    child = fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LIMIT_SECONDS)
        held = False
        try:
            held = work()
        finally:
            os._exit(0 if held else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def infer(app: turnout.Turnout, model: str = "m") -> list[float]:
    answer: list[float] = app.model(model).infer({"x": X}, timeout_seconds=LIMIT_SECONDS)["x"].tolist()
    return answer


@pytest.fixture
def open_app(plugins_with: Any) -> Any:
    apps: list[turnout.Turnout] = []

    def make(steps: Any = None, **model: Any) -> turnout.Turnout:
        backends = {"one": Local, "two": Local, "refuses": Refuses}
        settings = {
            "models": {"m": {"backend": "one", "preload": True, "backends": {name: {} for name in backends}, **model}},
            "pipelines": {"all": list(steps)} if steps else {},
        }
        apps.append(turnout.open(settings, plugins=plugins_with(backends, steps), metrics=Metrics()))
        return apps[-1]

    yield make
    for app in apps:
        app.close()


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"fallback": "two"},
        {"canary": {"backend": "two", "weight": 0.5}},
        {"shadow": {"backend": "two", "fraction": 1.0}},
        {"fallback": "two", "circuit_breaker": {}, "retry": {}, "max_in_flight": 2},
    ],
    ids=["plain", "fallback", "canary", "shadow", "guarded"],
)
def test_a_child_of_an_app_with_open_models_answers(open_app: Any, model: dict[str, Any]) -> None:
    app = open_app(**model)
    assert infer(app) == [2, 2]

    assert in_child(lambda: all(infer(app) == [2, 2] for _ in range(20)) and app.model("m").ready()) == 0
    assert infer(app) == [2, 2]


def test_a_child_of_c_code_which_calls_no_hook_answers(open_app: Any) -> None:
    """As uWSGI forks."""
    app = open_app()
    infer(app)

    assert in_child(lambda: all(infer(app) == [2, 2] for _ in range(3)), ctypes.PyDLL(None).fork) == 0


def test_the_parents_engine_is_not_closed_by_a_child(open_app: Any) -> None:
    app = open_app()

    def work() -> bool:
        app.close()
        return True

    assert in_child(work) == 0
    assert infer(app) == [2, 2]


def test_a_pipeline_answers_through_both_doors(open_app: Any, asks: Any) -> None:
    app = open_app(steps={"ask": lambda: asks("m", 4)})
    app.run("all")

    def work() -> bool:
        expected = [1.0, 2.0, 3.0, 4.0]
        return app.run("all")["answers"] == asyncio.run(app.arun("all"))["answers"] == expected

    assert in_child(work) == 0


def test_a_child_of_a_child_answers(open_app: Any) -> None:
    app = open_app()

    assert in_child(lambda: infer(app) == [2, 2] and in_child(lambda: infer(app) == [2, 2]) == 0) == 0


def test_a_process_of_multiprocessing_answers(open_app: Any) -> None:
    app = open_app()
    infer(app)

    def work() -> None:
        os._exit(0 if infer(app) == [2, 2] else 1)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(LIMIT_SECONDS)

    assert process.exitcode == 0


def test_a_model_that_cannot_be_opened_in_a_child_says_why_and_opens_no_circuit(open_app: Any) -> None:
    app = open_app(backend="refuses", circuit_breaker={"consecutive_failures": 2})

    def work() -> bool:
        errors: list[TurnoutError] = []
        for _ in range(6):
            try:
                infer(app)
            except TurnoutError as error:
                errors.append(error)
        text = app.metrics_text()
        return (
            [type(error) for error in errors] == [ForkedAfterLoadError] * 6
            and "open it after the fork" in str(errors[-1])
            and 'turnout_circuit_open{backend="refuses",model="m"} 0.0' in text
            and 'turnout_inference_requests_total{backend="refuses",model="m",outcome="forked"} 6.0' in text
            and 'turnout_inference_requests_total{backend="refuses",model="m",outcome="unavailable"} 0.0' in text
        )

    assert in_child(work) == 0
    assert infer(app) == [2, 2]


def test_the_fallback_answers_for_a_model_that_cannot_be_opened_in_a_child(open_app: Any) -> None:
    app = open_app(backend="refuses", fallback="two")

    assert in_child(lambda: all(infer(app) == [2, 2] for _ in range(8))) == 0


def test_a_reload_in_a_child_does_not_wait_for_calls_of_the_parent(open_app: Any) -> None:
    app = open_app()
    app.models["m"]._serving.calls.append(None)

    assert in_child(lambda: not app.models["m"]._serving.calls) == 0
    app.models["m"]._serving.calls.pop()
