"""Metering: outcomes, calls in flight, exact counts."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    InvalidInputError,
    InvalidTensorError,
    OverloadedError,
    TurnoutError,
)
from turnout.metrics import Metrics, Outcome
from turnout.middleware.meter import Meter
from turnout.testing import Answers, Fails, PlusOne, Streams

REQUEST = InferenceRequest({"x": np.ones(1, np.float32)})
ARM = {"model": "m", "backend": "b"}

ERRORS = [
    (InvalidTensorError("bad"), "invalid_request"),
    (InvalidInputError("bad"), "invalid_request"),
    (BackendUnavailableError("down"), "unavailable"),
    (ForkedAfterLoadError("forked"), "forked"),
    (OverloadedError("full"), "overloaded"),
    (DeadlineExceededError("late"), "deadline_exceeded"),
    (ClosedError("closed"), "closed"),
    (InferenceError("failed"), "error"),
    (TurnoutError("other"), "error"),
]


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"turnout_{name}", {**ARM, **labels})


def _counts(metrics: Metrics) -> dict[str, float]:
    values = {outcome: _value(metrics, "inference_requests_total", outcome=outcome) for outcome in Outcome}
    return {outcome: value for outcome, value in values.items() if value}


@pytest.mark.parametrize(("error", "outcome"), ERRORS, ids=str)
def test_a_failed_request_is_counted_under_its_outcome_and_timed(error: TurnoutError, outcome: str) -> None:
    metrics = Metrics()
    model = Meter(Answers(error), metrics.requests("m", "b"))

    with pytest.raises(type(error)) as caught:
        model.infer(REQUEST)

    assert caught.value is error
    assert _counts(metrics) == {outcome: 1}
    assert _value(metrics, "inference_duration_seconds_count") == 1


def test_every_outcome_has_a_series_before_the_first_request() -> None:
    metrics = Metrics()
    metrics.requests("m", "b")

    assert [_value(metrics, "inference_requests_total", outcome=outcome) for outcome in Outcome] == [0] * len(Outcome)


def test_an_answered_request_is_counted_as_ok() -> None:
    metrics = Metrics()

    response = Meter(PlusOne(), metrics.requests("m", "b")).infer(REQUEST)

    assert response["x"].tolist() == [2]
    assert _counts(metrics) == {"ok": 1}


def test_requests_in_flight_are_counted_until_they_end(gate: Any, limit_seconds: int) -> None:
    metrics = Metrics()
    model = Meter(gate, metrics.requests("m", "b"))

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(model.infer, REQUEST)
        assert gate.started.wait(limit_seconds)
        during = _value(metrics, "inference_in_flight")
        gate.opened.set()
        running.result(limit_seconds)

    assert (during, _value(metrics, "inference_in_flight")) == (1, 0)


def test_a_failed_request_is_not_in_flight() -> None:
    metrics = Metrics()

    with pytest.raises(ZeroDivisionError):
        Meter(Fails(ZeroDivisionError()), metrics.requests("m", "b")).infer(REQUEST)

    assert _value(metrics, "inference_in_flight") == 0


def test_counts_are_exact_with_8_threads_of_2000_calls_during_scrapes() -> None:
    metrics = Metrics()
    model = Meter(PlusOne(), metrics.requests("m", "b"))

    def call_often(_: int) -> None:
        for _ in range(2000):
            model.infer(REQUEST)

    with ThreadPoolExecutor(9) as threads:
        running = [threads.submit(call_often, number) for number in range(8)]
        while not all(future.done() for future in running):
            metrics.render()
        for future in running:
            future.result()

    assert _counts(metrics) == {"ok": 16000}
    assert _value(metrics, "inference_duration_seconds_count") == 16000
    assert _value(metrics, "execution_duration_seconds_count") == 16000
    assert _value(metrics, "inference_duration_seconds_bucket", le="+Inf") == 16000


def test_one_measurement_is_the_request_and_the_execution() -> None:
    metrics = Metrics()

    Meter(PlusOne(), metrics.requests("m", "b")).infer(REQUEST)

    assert _value(metrics, "execution_duration_seconds_sum") == _value(metrics, "inference_duration_seconds_sum")


def test_failed_executions_are_timed_too() -> None:
    metrics = Metrics()

    with pytest.raises(ZeroDivisionError):
        Meter(Fails(ZeroDivisionError()), metrics.requests("m", "b")).infer(REQUEST)

    assert _value(metrics, "execution_duration_seconds_count") == 1


def test_a_forked_child_forgets_what_its_parent_has_not_folded_and_what_was_in_flight(gate: Any, limit_seconds: int) -> None:
    metrics = Metrics()
    meter = metrics.requests("m", "b")
    Meter(PlusOne(), meter).infer(REQUEST)
    waiting = Meter(gate, meter)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(waiting.infer, REQUEST)
        assert gate.started.wait(limit_seconds)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, f"{_counts(metrics)} {_value(metrics, 'inference_in_flight')}".encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        gate.opened.set()

    assert (status, os.read(read, 1000).decode()) == (0, "{} 0.0")
    assert _counts(metrics) == {"ok": 2}
    os.close(read)
    os.close(write)


ENDINGS = {"answered": (), "overloaded": (OverloadedError("full"),)}


@pytest.mark.parametrize("outcome", ENDINGS)
def test_a_stream_is_one_request_under_its_outcome(outcome: str) -> None:
    metrics = Metrics()
    inner = Streams(InferenceResponse({}), InferenceResponse({}), *ENDINGS[outcome])
    model = Meter(inner, metrics.requests("m", "b"))

    with contextlib.suppress(OverloadedError):
        list(model.infer_stream(REQUEST))

    metrics.fold()
    assert _counts(metrics) == {outcome if outcome != "answered" else "ok": 1}
    assert _value(metrics, "execution_duration_seconds_count") == 1
    assert _value(metrics, "inference_in_flight") == 0


def test_a_stream_closed_by_its_caller_counts_as_ok() -> None:
    metrics = Metrics()
    stream = Meter(Streams(InferenceResponse({}), InferenceResponse({})), metrics.requests("m", "b")).infer_stream(REQUEST)

    next(stream)
    stream.close()

    metrics.fold()
    assert _counts(metrics) == {"ok": 1}


def test_a_stream_that_started_before_a_fork_may_end_in_the_child() -> None:
    metrics = Metrics()
    meter = metrics.requests("m", "b")
    stream = Meter(Streams(InferenceResponse({}), InferenceResponse({})), meter).infer_stream(REQUEST)
    next(stream)

    meter.in_flight.renew()  # as a forked child does

    assert len(list(stream)) == 1
