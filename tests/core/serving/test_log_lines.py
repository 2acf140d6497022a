"""Life events have one WARNING each; requests have none, however many fail and however they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidTensorError,
    ModelLoadError,
    OverloadedError,
    TurnoutError,
)
from turnout.testing import PlusOne

X = np.ones(1, np.float32)
REQUESTS = 10_000
ERRORS: dict[str, Exception] = {
    "unavailable": BackendUnavailableError("down"),
    "overloaded": OverloadedError("full"),
    "late": DeadlineExceededError("late"),
    "unopened": ModelLoadError("no file"),
    "failed": InferenceError("no memory"),
    "invalid": InvalidTensorError("wrong shape"),
    "foreign": ValueError("foreign"),
}
GUARDS: dict[str, dict[str, Any]] = {
    "alone": {},
    "circuit": {"circuit_breaker": {"open_seconds": 0.001, "longest_open_seconds": 0.001}},
    "fallback": {"fallback": "second"},
    "canary": {"canary": {"backend": "second", "weight": 0.5}},
    "shadow": {"shadow": {"backend": "second", "fraction": 0.1}},
    "batches": {"max_batch_size": 4, "dynamic_batching": {}},
    "retry": {"retry": {}, "max_in_flight": 4},
}


class FailsOften(ModelInference):
    """Fails all requests but each tenth, so that it recovers and fails again all the time."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self._requests = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._requests += 1
        if self._requests % 10 == 0:
            return PlusOne().infer(request)
        raise self._error


def open_app(plugins_with: Any, error: Exception, **model: Any) -> turnout.Turnout:
    backends = {"first": lambda: FailsOften(error), "second": lambda: FailsOften(error)}
    settings = {"models": {"m": {"backend": "first", "backends": {"first": {}, "second": {}}, **model}}}
    return turnout.open(settings, plugins=plugins_with(backends))


def send(app: turnout.Turnout, count: int) -> int:
    """Send requests; return how many failed."""
    failed = 0
    x = np.ones((1, 1), np.float32)
    for number in range(count):
        try:
            app.model("m").infer({"x": x}, id=str(number))
        except TurnoutError:
            failed += 1
    return failed


@pytest.mark.parametrize("guard", GUARDS)
def test_ten_thousand_failing_requests_have_a_few_lines(
    guard: str, plugins_with: Any, caplog: pytest.LogCaptureFixture
) -> None:
    per_error = REQUESTS // len(ERRORS) + 1
    for name, error in ERRORS.items():
        caplog.clear()
        with open_app(plugins_with, error, **GUARDS[guard]) as app:
            failed = send(app, per_error)

        lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert failed > 100 or guard == "canary", name
        assert len(lines) <= 6, (name, lines[:10])


def test_the_lines_of_a_failing_event_loop_are_as_few(plugins_with: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def call(app: turnout.Turnout) -> None:
        answers = (app.model("m").ainfer({"x": X}) for _ in range(2_000))
        await asyncio.gather(*answers, return_exceptions=True)

    with open_app(plugins_with, BackendUnavailableError("down"), fallback="second") as app:
        asyncio.run(call(app))

    assert len(caplog.records) <= 6


def test_pipelines_that_fail_in_part_have_one_line_a_minute(
    make_app: Callable[..., turnout.Turnout], asks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app({"m": lambda: FailsOften(InferenceError("no memory"))}, {"ask": lambda: asks("m", 10)})

    for _ in range(500):
        app.run("all")

    lines = [line for line in caplog.messages if line.startswith("pipeline")]
    assert len(lines) == 1
    assert lines[0].startswith("pipeline 'all': 9 parts failed, first: ask")


def test_a_backend_that_a_reload_changes_is_a_warning_and_other_keys_are_not(
    plugins_with: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "turnout.yaml"
    text = "models: {m: {backend: %s, backends: {first: {}, second: {}}%s}}\n"
    file.write_text(text % ("first", ""), "utf-8")
    with turnout.open(file, plugins=plugins_with({"first": PlusOne, "second": PlusOne})) as app, caplog.at_level(logging.INFO):
        for backend, more in (
            ("second", ""),
            ("second", ", max_in_flight: 3"),
            ("second", ", canary: {backend: first, weight: 0.1}"),
        ):
            file.write_text(text % (backend, more), "utf-8")
            app.reload()

    lines = [(record.levelname, record.getMessage()) for record in caplog.records if "settings reloaded" in record.getMessage()]
    assert [level for level, _ in lines] == ["WARNING", "INFO", "WARNING"]
    assert lines[0][1] == f"model 'm': settings reloaded from {file}; backend 'second' serves"
    assert lines[2][1].endswith("backend 'second' serves, 'first' gets 0.1 of the requests")
