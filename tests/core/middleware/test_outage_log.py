"""The first failure of an arm is logged; later ones are counted only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.core.middleware.resilience_kit import REQUEST, Clock, Scripted, at_once, outcome

from turnout import Turnout
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    InvalidTensorError,
    ModelLoadError,
    OverloadedError,
    TurnoutError,
)
from turnout.middleware.outage_log import OutageLog

DOWN = BackendUnavailableError("refused")


def _log(error: TurnoutError | None) -> tuple[OutageLog, Scripted, Clock]:
    model, clock = Scripted(error), Clock()
    return OutageLog(model, "m", "b", clock), model, clock


def test_the_first_of_many_failures_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    arm, _, _ = _log(DOWN)

    at_once(8, lambda: outcome(arm))

    [line] = caplog.messages
    assert line == (
        "model 'm' on backend 'b' fails and has not answered yet; see turnout_inference_requests_total. "
        "First error: BackendUnavailableError: refused"
    )


def test_a_failure_after_answers_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    arm, model, clock = _log(DOWN)

    for error in (DOWN, None, ModelLoadError("gone"), DOWN):
        model.error = error
        outcome(arm)
        clock.now += 100

    assert len(caplog.messages) == 2
    assert "'b' fails after it has answered" in caplog.messages[1]
    assert caplog.messages[1].endswith("ModelLoadError: gone")


def test_a_backend_that_fails_now_and_then_has_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    arm, model, clock = _log(None)

    for second in range(120):
        model.error = DOWN if second % 2 else None
        outcome(arm)
        clock.now += 1

    assert len(caplog.messages) == 2


def test_an_outage_that_starts_in_the_pause_is_logged_after_it(caplog: pytest.LogCaptureFixture) -> None:
    arm, model, clock = _log(DOWN)
    for error in (DOWN, None, DOWN, DOWN):
        model.error = error
        outcome(arm)
    assert len(caplog.messages) == 1

    clock.now += 60
    outcome(arm)
    outcome(arm)

    assert len(caplog.messages) == 2


@pytest.mark.parametrize("error", [InvalidTensorError("x"), OverloadedError("full"), ClosedError("closed")])
def test_what_is_no_fault_of_the_backend_is_not_logged(error: TurnoutError, caplog: pytest.LogCaptureFixture) -> None:
    outcome(_log(error)[0])

    assert caplog.messages == []


def test_a_failed_stream_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    arm, _, _ = _log(DOWN)

    with pytest.raises(BackendUnavailableError):
        list(arm.infer_stream(REQUEST))

    assert len(caplog.messages) == 1


def test_an_app_logs_the_first_failure_of_a_model_without_a_circuit(
    make_app: Callable[..., Turnout], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app({"m": lambda: Scripted(DOWN)})

    for _ in range(3):
        with pytest.raises(BackendUnavailableError):
            app.model("m").infer({"x": np.ones(2, np.float32)})

    assert [line.partition(";")[0] for line in caplog.messages] == [
        "model 'm' on backend 'm_backend' fails and has not answered yet"
    ]
