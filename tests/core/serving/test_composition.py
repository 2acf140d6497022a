"""Composition: the arms and middlewares that an app builds from a model's settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference, Turnout
from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    DeadlineExceededError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
)
from turnout.metrics import Metrics
from turnout.testing import Fails, PlusOne, Unavailable

X = np.ones(1, np.float32)
LIMIT_SECONDS = 20
Open = Callable[..., Turnout]


class PlusTen(ModelInference):
    """Another model than PlusOne, by its answers."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({name: array + 10 for name, array in request.inputs.items()}, request.id)


@pytest.fixture
def open_two(plugins_with: Any) -> Any:
    """Return what opens an app whose model ``m`` is served by ``first`` and has ``other`` beside it."""
    apps: list[Turnout] = []

    def opened(first: Callable[[], ModelInference], **settings: Any) -> Turnout:
        model = {"backend": "first", "backends": {"first": {}, "other": {}}, **settings}
        plugins = plugins_with({"first": first, "other": PlusTen})
        apps.append(turnout.open({"models": {"m": model}}, plugins=plugins, metrics=Metrics()))
        return apps[-1]

    yield opened
    for app in apps:
        app.close()


def _count(app: Turnout, name: str, **labels: str) -> float:
    return app.metrics.registry.get_sample_value(f"turnout_{name}", {"model": "m", **labels}) or 0


def _verdicts(app: Turnout, verdict: str) -> float:
    return _count(app, "shadow_comparisons_total", backend="first", shadow="other", verdict=verdict)


def _ask(app: Turnout) -> float:
    return float(app.model("m").infer({"x": X})["x"][0])


def _cannot_be_opened() -> ModelInference:
    raise NotReachedError("no server")


@pytest.mark.parametrize("first", [Unavailable, _cannot_be_opened], ids=["unavailable", "cannot be opened"])
def test_the_fallback_answers_for_a_backend_that_is_unavailable_until_its_circuit_opens(open_two: Open, first: Any) -> None:
    app = open_two(
        first, fallback="other", circuit_breaker={"consecutive_failures": 3, "open_seconds": 600, "longest_open_seconds": 600}
    )

    answers = [_ask(app) for _ in range(10)]

    assert answers == [11] * 10
    assert _count(app, "inference_requests_total", backend="first", outcome="unavailable") == 3
    assert _count(app, "inference_requests_total", backend="other", outcome="ok") == 10
    assert _count(app, "circuit_open", backend="first") == 1


def test_without_a_fallback_the_error_is_the_caller_s(open_two: Open) -> None:
    app = open_two(Unavailable)

    for _ in range(10):
        with pytest.raises(BackendUnavailableError, match="this backend is down"):
            _ask(app)


def test_a_circuit_of_its_own_is_opened_where_the_file_asks_for_one(open_two: Open) -> None:
    app = open_two(
        lambda: Fails(RuntimeError("broken")),
        circuit_breaker={"consecutive_failures": 2, "open_seconds": 600, "longest_open_seconds": 600},
    )

    errors = []
    for _ in range(3):
        with pytest.raises(turnout.errors.TurnoutError) as caught:
            _ask(app)
        errors.append(type(caught.value))

    assert errors[-1] is CircuitOpenError


def test_a_canary_takes_its_share(open_two: Open) -> None:
    app = open_two(PlusOne, canary={"backend": "other", "weight": 1.0})

    assert _ask(app) == 11


def test_a_canary_or_shadow_on_the_backend_that_serves_is_none(open_two: Open) -> None:
    app = open_two(PlusOne, canary={"backend": "first", "weight": 1.0}, shadow={"backend": "first"}, fallback="first")

    assert [_ask(app) for _ in range(3)] == [2, 2, 2]


def test_a_shadow_is_compared_and_the_primary_answers(open_two: Open) -> None:
    app = open_two(PlusOne, shadow={"backend": "other", "fraction": 1.0})

    answers = [_ask(app) for _ in range(5)]
    limit = time.monotonic() + 20
    while time.monotonic() < limit and _verdicts(app, "mismatch") < 5:
        time.sleep(0.01)

    assert answers == [2] * 5
    assert (_verdicts(app, "mismatch"), _verdicts(app, "match")) == (5, 0)
    assert _count(app, "shadow_duration_seconds_count", backend="first", role="serves") == 5
    assert _count(app, "shadow_duration_seconds_count", backend="other", role="shadow") == 5


def test_an_app_over_a_dict_keeps_no_mismatches(open_two: Open, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    app = open_two(PlusOne, shadow={"backend": "other", "fraction": 1.0})

    _ask(app)
    limit = time.monotonic() + 20
    while time.monotonic() < limit and _verdicts(app, "mismatch") < 1:
        time.sleep(0.01)
    app.close()

    assert _verdicts(app, "mismatch") == 1
    assert not (tmp_path / ".turnout").exists()


def test_more_than_max_in_flight_is_refused(open_two: Open, gate: Any) -> None:
    app = open_two(lambda: gate, max_in_flight=1)
    pending = app._threads.inference.submit(app.model("m"), InferenceRequest({"x": X}))
    assert gate.started.wait(20)

    with pytest.raises(OverloadedError, match="max_in_flight allows"):
        _ask(app)

    gate.opened.set()
    assert pending.result(20)["x"].tolist() == [1]


def test_an_arm_for_comparing_has_no_circuit(open_two: Open) -> None:
    app = open_two(_cannot_be_opened, fallback="other", circuit_breaker={"consecutive_failures": 1})
    arm = app.arm("m", "first")

    for _ in range(3):
        with pytest.raises(NotReachedError):
            arm.infer(InferenceRequest({"x": X}))


def test_a_model_that_cannot_be_loaded_falls_back_too(open_two: Open) -> None:
    def broken() -> ModelInference:
        raise ModelLoadError("no such file")

    assert _ask(open_two(broken, fallback="other")) == 11


class Hangs:
    """Opens a model only when it is let: a server that takes connections and says nothing."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def __call__(self) -> ModelInference:
        assert self.may.wait(LIMIT_SECONDS)
        return PlusOne()


def test_a_model_that_hangs_while_it_opens_keeps_no_caller_beyond_its_deadline(open_two: Open) -> None:
    hangs = Hangs()
    app = open_two(hangs)

    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(app.model("m").infer, {"x": X}, timeout_seconds=0.2) for _ in range(8)]
        errors = [future.exception(LIMIT_SECONDS) for future in futures]

    assert all(isinstance(error, DeadlineExceededError) for error in errors)
    assert time.monotonic() - start < LIMIT_SECONDS / 2
    hangs.may.set()
    assert _ask(app) == 2


@pytest.mark.clock
def test_the_fallback_answers_while_a_model_hangs_at_its_opening(open_two: Open) -> None:
    hangs = Hangs()
    app = open_two(hangs, fallback="other")

    answer = app.model("m").infer({"x": X}, timeout_seconds=0.4)

    hangs.may.set()
    assert float(answer["x"][0]) == 11


def test_a_composition_that_fails_half_way_releases_every_arm(open_two: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no threads left")

    app = open_two(PlusOne, shadow={"backend": "other"}, fallback="other")
    shared = app._composer._arms

    for part in ("Shadow", "Fallback"):
        with monkeypatch.context() as patched:
            patched.setattr(f"turnout.serving.composition.{part}", fail)
            with pytest.raises(RuntimeError, match="no threads left"):
                _ask(app)
        assert (shared._guarded._arms, shared._engines._arms) == ({}, {})
    assert _ask(app) == 2
