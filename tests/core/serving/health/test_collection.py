"""The health of an app: read from the requests, without opening a model, within its limit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, Turnout
from turnout.errors import BackendUnavailableError, DeadlineExceededError, InferenceError, ModelLoadError, TurnoutError
from turnout.serving.entry import assemble
from turnout.serving.health import collection
from turnout.testing import Fails, PlusOne, Unavailable

X = np.ones(2, np.float32)
MakeApp = Callable[..., Turnout]


class Switched(ModelInference):
    """Answers, or fails while ``error`` is set; reports ``is_ready``."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.is_ready = True
        self.asked = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self.error is not None:
            raise self.error
        return InferenceResponse(dict(request.inputs), request.id)

    def ready(self) -> bool:
        self.asked += 1
        return self.is_ready


class HangsWhenAsked(PlusOne):
    """Answers requests, but not whether it is ready."""

    release = threading.Event()
    asked = 0

    def ready(self) -> bool:
        type(self).asked += 1
        return self.release.wait(20)


def fail(app: Turnout, model: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(TurnoutError):
            app.model(model).infer({"x": X})


def test_an_app_that_answers_is_ready(make_app: MakeApp) -> None:
    app = make_app()
    app.model("plus").infer({"x": X})

    health = app.health()

    assert (health.live, health.ready, health.reasons) == (True, True, ())
    [arm] = health.models["plus"].arms
    assert (arm.backend, arm.role, arm.state, arm.ready, arm.circuit) == ("plus_backend", "serves", "open", True, None)
    assert (arm.last_error, arm.last_error_age_seconds) == (None, None)


def test_a_model_that_no_request_has_reached_is_reported_as_unopened_and_stays_so(make_app: MakeApp) -> None:
    opened: list[int] = []
    app = make_app({"m": lambda: opened.append(1) or PlusOne()})  # type: ignore[func-returns-value]

    health = app.health()

    assert [arm.state for arm in health.models["m"].arms] == ["unopened"]
    assert (health.ready, opened) == (True, [])


def test_an_app_that_opens_its_models_is_live_and_not_ready(plugins_with: Any) -> None:
    opening, go_on = threading.Event(), threading.Event()

    def create() -> ModelInference:
        opening.set()
        go_on.wait(20)
        return PlusOne()

    settings = {"models": {"m": {"backend": "b", "preload": True, "backends": {"b": {}}}}}
    app = assemble(settings, plugins=plugins_with({"b": create}))
    starting = threading.Thread(target=app.preload)
    starting.start()
    assert opening.wait(20)
    end = time.monotonic() + 20
    while (during := app.health()).models["m"].arms[0].state != "opening" and time.monotonic() < end:
        time.sleep(0.001)
    go_on.set()
    starting.join(20)

    assert (during.live, during.ready) == (True, False)
    assert during.reasons == ("the app opens its models with preload: true",)
    assert during.models["m"].arms[0].state == "opening"
    assert app.health().ready
    app.close()


def test_a_backend_that_failed_its_last_requests_is_not_ready_until_it_answers(make_app: MakeApp) -> None:
    backend = Switched()
    app = make_app({"m": lambda: backend})
    app.model("m").infer({"x": X})
    backend.error = InferenceError("no memory")

    fail(app, "m", 4)
    assert app.health().ready
    fail(app, "m", 1)
    health = app.health()

    assert health.reasons == ("model 'm': backend 'm_backend': the last 5 requests failed: InferenceError: no memory",)
    assert not health.ready
    backend.error = None
    app.model("m").infer({"x": X})
    again = app.health()
    assert again.ready
    [arm] = again.models["m"].arms
    assert arm.last_error == "InferenceError: no memory"
    assert arm.last_error_age_seconds is not None
    assert 0 <= arm.last_error_age_seconds < 60


def test_failures_count_for_a_time_only_so_that_an_app_without_requests_gets_some_again(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app({"m": lambda: Fails(InferenceError("no memory"))})
    fail(app, "m", 5)
    assert not app.health().ready

    monkeypatch.setattr(collection, "FAILED_SECONDS", 0.0)

    assert app.health().ready


def test_a_model_that_cannot_be_opened_is_not_ready_after_one_attempt(make_app: MakeApp) -> None:
    def create() -> ModelInference:
        raise ModelLoadError("no such file")

    app = make_app({"m": create})

    fail(app, "m", 1)

    [reason] = app.health().reasons
    assert "it cannot be opened" in reason
    assert "no such file" in reason
    assert app.health().models["m"].arms[0].state == "unopened"


def test_a_fallback_keeps_the_model_ready_and_is_reported_as_in_use(make_app: MakeApp, plugins_with: Any) -> None:
    app = _with_fallback(plugins_with, Unavailable)

    for _ in range(6):
        app.model("m").infer({"x": X})
    health = app.health()

    model = health.models["m"]
    assert (health.ready, model.fallback_in_use) == (True, "other")
    assert [(arm.role, arm.backend, arm.circuit, arm.ready) for arm in model.arms] == [
        ("serves", "first", "open", False),
        ("fallback", "other", "closed", True),
    ]
    assert "circuit open since" in model.arms[0].reason
    assert "this backend is down" in model.arms[0].reason
    app.close()


def test_a_model_whose_fallback_fails_too_is_not_ready(plugins_with: Any) -> None:
    app = _with_fallback(plugins_with, Unavailable, Unavailable)

    fail(app, "m", 6)
    health = app.health()

    assert not health.ready
    assert "backend 'first': circuit open" in health.reasons[0]
    assert "backend 'other': circuit open" in health.reasons[0]
    app.close()


def test_the_roles_of_an_unopened_model_are_those_of_the_file(plugins_with: Any) -> None:
    app = _with_fallback(plugins_with, PlusOne)

    assert [(arm.role, arm.backend) for arm in app.health().models["m"].arms] == [("serves", "first"), ("fallback", "other")]
    app.close()


def test_canary_and_shadow_have_their_roles(plugins_with: Any) -> None:
    app = _app(plugins_with, canary={"backend": "third", "weight": 0.5}, shadow={"backend": "other", "fraction": 1.0})
    app.model("m").infer({"x": X})

    roles = {arm.role: arm.backend for arm in app.health().models["m"].arms}

    assert roles == {"serves": "first", "canary": "third", "shadow": "other"}
    app.close()


def test_a_backend_without_recent_requests_is_asked(make_app: MakeApp) -> None:
    backend = Switched()
    app = make_app({"m": lambda: backend})
    app.model("m").infer({"x": X})
    backend.is_ready = False

    health = app.health()

    assert health.reasons == ("model 'm': backend 'm_backend': it reports that it is not ready",)


def test_a_backend_with_a_recent_answer_is_not_asked(make_app: MakeApp) -> None:
    backend = Switched()
    app = make_app({"m": lambda: backend}, more={"m": {"circuit_breaker": {}}})
    app.model("m").infer({"x": X})

    assert app.health().ready
    assert backend.asked == 0


def test_a_backend_that_hangs_when_asked_costs_the_limit_and_one_thread(make_app: MakeApp) -> None:
    app = make_app({"m": HangsWhenAsked})
    app.model("m").infer({"x": X})

    start = time.monotonic()
    reports = [app.health(timeout_seconds=0.05) for _ in range(20)]
    seconds = time.monotonic() - start

    assert {report.reasons for report in reports} == {
        ("model 'm': backend 'm_backend': it did not report within 0.05 s that it is ready",)
    }
    assert (HangsWhenAsked.asked, seconds < 10) == (1, True)
    assert sum(thread.name == "turnout-ready" for thread in threading.enumerate()) == 1
    HangsWhenAsked.release.set()
    assert app.health(timeout_seconds=20).ready


def test_short_deadlines_of_one_caller_do_not_make_a_guarded_backend_unready(make_app: MakeApp) -> None:
    backend = Switched()
    app = make_app({"m": lambda: backend}, more={"m": {"circuit_breaker": {}}})
    app.model("m").infer({"x": X})
    backend.error = DeadlineExceededError("too short")

    fail(app, "m", 8)

    assert app.health().ready


def test_a_closed_app_is_neither_live_nor_ready(make_app: MakeApp) -> None:
    app = make_app()

    app.close()

    health = app.health()
    assert (health.live, health.ready, dict(health.models)) == (False, False, {})
    assert health.reasons == ("the app is closed; open it again with turnout.open",)


def test_health_is_read_while_many_threads_call_fail_and_ask(make_app: MakeApp) -> None:
    backend = Switched()
    app = make_app({"m": lambda: backend})

    def call(number: int) -> None:
        backend.error = InferenceError("x") if number % 3 == 0 else None
        with suppress(TurnoutError):
            app.model("m").infer({"x": X})

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(call, number) for number in range(400)]
        reports = list(threads.map(lambda _: app.health(), range(400)))
        assert all(one.exception() is None for one in calls)

    assert all(report.live for report in reports)


def test_health_during_reloads_sees_one_of_both_deployments(plugins_with: Any, tmp_path: Any) -> None:
    import turnout

    file = tmp_path / "turnout.yaml"
    text = "models: {m: {backend: %s, backends: {first: {}, other: {}}}}\n"
    file.write_text(text % "first", "utf-8")
    app = turnout.open(file, plugins=plugins_with({"first": PlusOne, "other": PlusOne}))
    app.model("m").infer({"x": X})
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen.append(app.health())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        file.write_text(text % ("other" if number % 2 == 0 else "first"), "utf-8")
        app.reload()
    stop.set()
    reader.join(20)

    assert {health.models["m"].backend for health in seen} <= {"first", "other"}
    assert all(health.ready for health in seen)
    app.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_reports_its_own_health(make_app: MakeApp) -> None:
    app = make_app({"m": PlusOne, "hangs": HangsWhenAsked})
    HangsWhenAsked.release.clear()
    for model in ("m", "hangs"):
        app.model(model).infer({"x": X})
    app.health(timeout_seconds=0.05)

    child = os.fork()
    if child == 0:
        signal.alarm(20)
        before = app.health()
        app.model("m").infer({"x": X})
        held = before.ready and before.models["m"].arms[0].state == "unopened"
        held = held and app.health().models["m"].arms[0].state == "open"
        os._exit(0 if held else 1)
    HangsWhenAsked.release.set()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _with_fallback(plugins_with: Any, first: Any, other: Any = PlusOne) -> Turnout:
    return _app(plugins_with, first, other, fallback="other")


def _app(plugins_with: Any, first: Any = PlusOne, other: Any = PlusOne, **more: Any) -> Turnout:
    import turnout

    backends = {"first": first, "other": other, "third": PlusOne}
    settings = {"models": {"m": {"backend": "first", "backends": {name: {} for name in backends}, **more}}}
    return turnout.open(settings, plugins=plugins_with(backends))


def test_an_unavailable_backend_without_anything_else_is_not_ready_while_its_circuit_is_open(make_app: MakeApp) -> None:
    backend = Switched()
    app = make_app({"m": lambda: backend}, more={"m": {"circuit_breaker": {"open_seconds": 0.05}}})
    app.model("m").infer({"x": X})
    backend.error = BackendUnavailableError("refused")
    fail(app, "m", 5)
    [opened] = app.health().models["m"].arms
    time.sleep(0.06)

    # The pause is over, so the next request tries: the backend itself says whether that is promising.
    [trial] = app.health().models["m"].arms
    backend.is_ready = False
    [refused] = app.health().models["m"].arms

    assert (opened.circuit, opened.ready) == ("open", False)
    assert (trial.circuit, trial.ready) == ("trial", True)
    assert (refused.circuit, refused.ready) == ("trial", False)
