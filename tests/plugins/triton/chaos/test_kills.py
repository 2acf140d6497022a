"""A server that is killed and started again, over and over, under load."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from tests.plugins.triton.chaos.load import FULL, SLACK, Asked, Load, Report, loaded, tell
from tests.plugins.triton.chaos.local_plugin import LOCAL_SECONDS, Copies, Local
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from tests.plugins.triton.client.asking import until, url_of

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError
from turnout.testing import Slow

KILLS = 20 if FULL else 2
REQUESTS = 20_000 if FULL else 1_000
BACK_SECONDS = 2.0


@dataclass(slots=True)
class Outages:
    """When a server was dead, and how long after each return it was asked again."""

    deaths: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def seconds_after_death(self, asked: Asked) -> float:
        """Return how long a failed request took, or went on after the server had died in the midst of it."""
        died = [death for death in self.deaths if asked.start < death < asked.start + asked.seconds]
        return asked.start + asked.seconds - max([asked.start, *died])


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
    """Return what became of every request, and when the server was dead."""
    with loaded(Load(stack.model)) as load:
        found = outages(server, stack, kills)
        until(lambda: load.sent >= requests, 600)
        report = load.finish()
    tell(report, f"triton {stack.answered('triton')}, local {stack.answered('local')}, back within {max(found.waited):.2f} s")
    return report, found


def test_with_a_fallback_nobody_notices(own_server, protocol, stacked) -> None:
    server = own_server()
    stack = stacked(url_of(server, protocol), FALLS_BACK)

    report, found = through_kills(server, stack, KILLS, REQUESTS)

    report.check_all_answered()
    stack.check_counters(report.sent)
    assert stack.answered("triton") + stack.answered("local") == report.sent
    assert max(found.waited) <= BACK_SECONDS * SLACK
    assert report.percentile(99) <= LOCAL_SECONDS + 0.025 * SLACK


def test_without_a_fallback_every_failure_is_unavailable_and_comes_at_once(own_server, protocol, stacked) -> None:
    server = own_server()
    stack = stacked(url_of(server, protocol))
    before = threading.active_count()

    report, found = through_kills(server, stack, KILLS if FULL else 1, 0)

    report.check_answers()
    failures = [asked for asked in report.ended if asked.error is not None]
    assert failures
    assert all(isinstance(asked.error, BackendUnavailableError) for asked in failures), report.outcomes
    slowest = max(failures, key=found.seconds_after_death)
    tell(f"slowest failure: {found.seconds_after_death(slowest):.4f} s, {slowest}")
    assert found.seconds_after_death(slowest) <= 0.1 * SLACK
    stack.check_counters(report.sent)
    until(lambda: threading.active_count() <= before, 5)


class SwallowsOne(ModelInference):
    """Answers like ``Copies``, but the tenth caller never hears anything: a fallback with a bug."""

    def __init__(self, end: threading.Event) -> None:
        self._calls = 0
        self._end = end

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._calls += 1
        if self._calls == 10:
            self._end.wait()
        return Copies().infer(request)


class MixesUp(ModelInference):
    """Answers each request with the answer of the one before: another bug."""

    def __init__(self) -> None:
        self._last: InferenceResponse | None = None

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        own = Copies().infer(request)
        answer, self._last = self._last or own, own
        return answer


@pytest.fixture
def with_planted(stacked, monkeypatch):
    """Returns what the harness says of a model that falls back to another, while the server is down."""

    def ask(other: ModelInference, hung_seconds: float = 1.0) -> tuple[Report, Stack]:
        monkeypatch.setattr(Local, "opens", lambda: other)
        stack = stacked("http://127.0.0.1:9", FALLS_BACK)
        with loaded(Load(stack.model, pace_seconds=0.005)) as load:
            until(lambda: load.sent >= 100, 20)
            return load.finish(hung_seconds), stack

    return ask


def test_a_lost_request_is_caught(with_planted) -> None:
    end = threading.Event()

    report, stack = with_planted(SwallowsOne(end))

    assert report.lost == 1
    with pytest.raises(AssertionError, match="1 requests lost, 1 threads hung"):
        report.check_all_answered()
    with pytest.raises(AssertionError):
        stack.check_counters(report.sent)
    end.set()


def test_an_answer_that_belongs_to_another_is_caught(with_planted) -> None:
    report, _ = with_planted(MixesUp())

    with pytest.raises(AssertionError, match="wrong answers"):
        report.check_all_answered()


def test_a_request_that_is_not_counted_is_caught(with_planted) -> None:
    report, stack = with_planted(Copies())

    with pytest.raises(AssertionError):
        stack.check_counters(report.sent + 1)


def test_the_same_harness_finds_nothing_wrong_with_a_good_one(with_planted) -> None:
    report, stack = with_planted(Slow(0.001, Copies()))

    report.check_all_answered()
    stack.check_counters(report.sent)
