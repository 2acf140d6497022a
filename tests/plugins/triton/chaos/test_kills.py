"""A server that is killed and restarted, over and over, under load."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from tests.plugins.triton.chaos.load import FULL, SLACK, Load, Report, RequestRecord, keep_busy, log_run
from tests.plugins.triton.chaos.local_plugin import LOCAL_SECONDS, Copies, Local
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError
from turnout.testing import Slow

pytestmark = pytest.mark.clock

KILLS = 20 if FULL else 2
REQUESTS = 20_000 if FULL else 1_000
BACK_SECONDS = 2.0


@dataclass(slots=True)
class Outages:
    """The times of a server's deaths, and the seconds after each restart until it got requests again."""

    deaths: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def seconds_after_death(self, record: RequestRecord) -> float:
        """Return the seconds that a failed request took, from the server's death on if that came in between."""
        died = [death for death in self.deaths if record.start < death < record.start + record.seconds]
        return record.start + record.seconds - max([record.start, *died])


def outages(server, stack: Stack, kills: int) -> Outages:
    """Kill and restart ``server`` over and over."""
    found = Outages()
    for _ in range(kills):
        up = stack.answered("triton")
        until(lambda up=up: stack.answered("triton") >= up + (100 if FULL else 20), 20)
        server.kill()
        found.deaths.append(time.monotonic())
        threading.Event().wait(0.5)
        server.restart()
        answered = stack.answered("triton")
        found.waited.append(until(lambda answered=answered: stack.answered("triton") > answered, 10))
    return found


def through_kills(server, stack: Stack, kills: int, requests: int) -> tuple[Report, Outages]:
    """Return the records of all requests, and the outages."""
    with keep_busy(Load(stack.model)) as load:
        found = outages(server, stack, kills)
        until(lambda: load.sent >= requests, 600)
        report = load.finish()
    log_run(
        report, f"triton {stack.answered('triton')}, local {stack.answered('local')}, back within {max(found.waited):.2f} s"
    )
    return report, found


def test_with_a_fallback_every_request_is_answered(own_server, protocol, open_stack) -> None:
    server = own_server()
    stack = open_stack(url_of(server, protocol), FALLS_BACK)

    report, found = through_kills(server, stack, KILLS, REQUESTS)

    report.check_all_answered()
    stack.check_counters(report.sent)
    assert stack.answered("triton") + stack.answered("local") == report.sent
    assert max(found.waited) <= BACK_SECONDS * SLACK
    assert report.percentile(99) <= LOCAL_SECONDS + 0.025 * SLACK


def test_without_a_fallback_every_failure_is_unavailable_and_comes_at_once(own_server, protocol, open_stack) -> None:
    server = own_server()
    stack = open_stack(url_of(server, protocol))
    before = count_threads()

    report, found = through_kills(server, stack, KILLS if FULL else 1, 0)

    report.check_answers()
    failures = [record for record in report.ended if record.error is not None]
    assert failures
    assert all(isinstance(record.error, BackendUnavailableError) for record in failures), report.outcomes
    slowest = max(failures, key=found.seconds_after_death)
    log_run(f"slowest failure: {found.seconds_after_death(slowest):.4f} s, {slowest}")
    assert found.seconds_after_death(slowest) <= 0.1 * SLACK
    stack.check_counters(report.sent)
    until(lambda: count_threads() <= before, 5)


def count_threads() -> int:
    """Return the number of threads, without those that an app keeps for short work until it is closed."""
    return sum(not thread.name.startswith("turnout-check") for thread in threading.enumerate())


class SwallowsOne(ModelInference):
    """Answers like ``Copies``, but never responds to the tenth caller: a fallback with a bug."""

    def __init__(self, end: threading.Event) -> None:
        self._calls = 0
        self._end = end

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._calls += 1
        if self._calls == 10:
            self._end.wait()
        return Copies().infer(request)


class MixesUp(ModelInference):
    """Returns the output of the request before: another bug."""

    def __init__(self) -> None:
        self._last: InferenceResponse | None = None

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        own = Copies().infer(request)
        answer, self._last = self._last or own, own
        return answer


@pytest.fixture
def run_with_fallback(open_stack, monkeypatch):
    """Returns the records of a model that falls back to another, while the server is down."""

    def run(other: ModelInference, hung_seconds: float = 1.0) -> tuple[Report, Stack]:
        monkeypatch.setattr(Local, "opens", lambda: other)
        stack = open_stack("http://127.0.0.1:9", FALLS_BACK)
        with keep_busy(Load(stack.model, pace_seconds=0.005)) as load:
            until(lambda: load.sent >= 100, 20)
            return load.finish(hung_seconds), stack

    return run


def test_a_lost_request_is_caught(run_with_fallback) -> None:
    end = threading.Event()

    report, stack = run_with_fallback(SwallowsOne(end))

    assert report.lost == 1
    with pytest.raises(AssertionError, match="1 requests lost, 1 threads hung"):
        report.check_all_answered()
    with pytest.raises(AssertionError):
        stack.check_counters(report.sent)
    end.set()


def test_an_answer_that_belongs_to_another_is_caught(run_with_fallback) -> None:
    report, _ = run_with_fallback(MixesUp())

    with pytest.raises(AssertionError, match="wrong answers"):
        report.check_all_answered()


def test_a_request_that_is_not_counted_is_caught(run_with_fallback) -> None:
    report, stack = run_with_fallback(Copies())

    with pytest.raises(AssertionError):
        stack.check_counters(report.sent + 1)


def test_the_same_harness_finds_nothing_wrong_with_a_good_one(run_with_fallback) -> None:
    report, stack = run_with_fallback(Slow(0.001, Copies()))

    report.check_all_answered()
    stack.check_counters(report.sent)
