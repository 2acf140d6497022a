"""A server that is paused: connections stay open without responses."""

from __future__ import annotations

import threading

import pytest
from tests.plugins.triton.chaos.load import FULL, SLACK, Load, Report, keep_busy, log_run
from tests.plugins.triton.chaos.local_plugin import Copies
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError, DeadlineExceededError

pytestmark = pytest.mark.clock

STOPPED_SECONDS = 10.0 if FULL else 2.5
DEADLINE_SECONDS = 1.0
LATE_SECONDS = 0.05


def through_a_pause(server, stack: Stack) -> Report:
    """Return the records of 16 threads' requests while ``server`` is paused for a while, until it gets requests again."""
    threads = threading.active_count()
    with keep_busy(Load(stack.model, 16, 0.05, DEADLINE_SECONDS)) as load:
        until(lambda: stack.answered("triton") >= 50, 20)
        server.pause()
        threading.Event().wait(STOPPED_SECONDS)
        server.resume()
        answered = stack.answered("triton")
        back = until(lambda: stack.answered("triton") > answered + 20, 20)
        report = load.finish()
    until(lambda: threading.active_count() <= threads, 5)
    log_run(report, f"triton {stack.answered('triton')}, local {stack.answered('local')}, back after {back:.2f} s")
    return report


def warm_up(stack: Stack) -> Stack:
    """Return ``stack`` after a first load, which starts the threads that stay, such as gRPC's."""
    with keep_busy(Load(stack.model, 16, 0.02, DEADLINE_SECONDS)) as load:
        until(lambda: load.sent >= 100, 20)
        load.finish().check_answers()
    return stack


@pytest.fixture
def server(own_server):
    return own_server()


def test_every_call_is_back_by_its_deadline(server, protocol, open_stack) -> None:
    stack = warm_up(open_stack(url_of(server, protocol)))

    report = through_a_pause(server, stack)

    report.check_answers()
    allowed = (DeadlineExceededError, BackendUnavailableError)
    assert all(isinstance(error, allowed) for error in report.errors), report.outcomes
    assert report.outcomes["DeadlineExceededError"] > 0
    assert report.percentile(100) <= DEADLINE_SECONDS + LATE_SECONDS * SLACK


def test_with_a_fallback_every_call_is_answered_within_its_deadline(server, protocol, open_stack) -> None:
    stack = warm_up(open_stack(url_of(server, protocol), FALLS_BACK))

    report = through_a_pause(server, stack)

    report.check_all_answered()
    assert report.percentile(100) <= DEADLINE_SECONDS


class IgnoresDeadlines(ModelInference):
    """Answers later than any caller waits for."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        threading.Event().wait(DEADLINE_SECONDS + 2 * LATE_SECONDS)
        return Copies().infer(request)


def test_a_late_call_would_be_noticed() -> None:
    with keep_busy(Load(IgnoresDeadlines(), 1, 0.001, DEADLINE_SECONDS)) as load:
        until(lambda: bool(load.ended), 5)
        report = load.finish()

    assert report.percentile(100) > DEADLINE_SECONDS + LATE_SECONDS
