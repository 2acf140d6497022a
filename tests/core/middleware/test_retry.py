"""A request that never reached the backend is sent once more, from a budget."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tests.core.middleware.resilience_kit import ANSWER, REQUEST, Meters, Scripted, at_once, outcome

from turnout import InferenceRequest, InferenceResponse
from turnout.errors import BackendUnavailableError, CircuitOpenError, DeadlineExceededError, InferenceError, NotReachedError
from turnout.middleware.retry import Retry


class Drops(Scripted):
    """Is not reached by every ``every``-th call."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        super().infer(request)
        if len(self.requests) % self._every == 0:
            raise NotReachedError("refused")
        return ANSWER


def retrying(model: Scripted, ratio: float = 0.1, meters: Meters | None = None) -> Retry:
    return Retry(model, ratio, (meters or Meters()).retries("m", "triton"))


def saved_up(retry: Retry, model: Scripted) -> Retry:
    """Return ``retry`` with a full budget."""
    for _ in range(200):
        retry.infer(REQUEST)
    model.requests.clear()
    return retry


def test_asks_once_more_and_the_caller_hears_nothing_of_it() -> None:
    model, meters = Drops(every=20), Meters()
    retry = retrying(model, meters=meters)

    outcomes = [outcome(retry) for _ in range(190)]

    assert outcomes == [ANSWER] * 190
    assert len(model.requests) == 199
    assert meters.value("turnout_retries_total", model="m", backend="triton") == 9


def test_asks_no_third_time() -> None:
    model = Scripted()
    retry = saved_up(retrying(model), model)
    model.error = NotReachedError("refused")

    assert outcome(retry) is model.error

    assert len(model.requests) == 2


@pytest.mark.parametrize(
    "error", [BackendUnavailableError("reset"), CircuitOpenError("open"), DeadlineExceededError("late"), InferenceError("no")]
)
def test_what_may_have_been_done_is_not_sent_again(error: Exception) -> None:
    model = Scripted()
    retry = saved_up(retrying(model), model)
    model.error = error

    assert outcome(retry) is error

    assert len(model.requests) == 1


@pytest.mark.parametrize("threads", [1, 8])
def test_a_backend_that_is_never_reached_is_asked_at_most_a_tenth_more_often(threads: int) -> None:
    model = Scripted(NotReachedError("refused"))
    retry = retrying(model)

    at_once(threads, lambda: [outcome(retry) for _ in range(250)])

    assert len(model.requests) == threads * 250 * 1.1


def test_a_retry_without_a_budget_would_have_been_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted(NotReachedError("refused"))
    retry = retrying(model)
    monkeypatch.setattr(retry._budget, "spend", lambda: True)

    for _ in range(250):
        outcome(retry)

    assert len(model.requests) > 1.2 * 250


def test_the_budget_holds_ten_tokens_at_most() -> None:
    model = Scripted()
    retry = saved_up(retrying(model, ratio=1.0), model)
    retry._budget._ratio = 0.0
    model.error = NotReachedError("refused")

    for _ in range(50):
        outcome(retry)

    assert len(model.requests) == 60


def test_nothing_is_sent_again_after_the_deadline() -> None:
    model = Scripted()
    retry = saved_up(retrying(model), model)
    model.error = NotReachedError("refused")

    outcome(retry, InferenceRequest({"x": np.ones(1)}, time.monotonic() - 1))

    assert len(model.requests) == 1


def test_a_stream_is_retried_before_its_first_response_only() -> None:
    model = Scripted()
    retry = saved_up(retrying(model), model)
    model.error = NotReachedError("refused")
    with pytest.raises(NotReachedError):
        list(retry.infer_stream(REQUEST))
    started_twice = len(model.requests)
    model.error = None
    assert list(retry.infer_stream(REQUEST)) == [ANSWER, ANSWER]
    stream = retry.infer_stream(REQUEST)
    next(stream)

    with pytest.raises(NotReachedError):
        stream.throw(NotReachedError("in the middle"))

    assert (started_twice, len(model.requests)) == (2, 4)
