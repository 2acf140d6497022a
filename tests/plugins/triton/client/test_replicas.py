"""Replicas take turns; one that is down is skipped until it is back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until
from tritonclient.grpc import InferenceServerClient

from turnout import InferenceRequest
from turnout.errors import (
    BackendUnavailableError,
    ConfigurationError,
    DeadlineExceededError,
    InferenceError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.replicas import Replicas

REQUEST = KServeRequest("m", "", "", {}, (), ())


class Scripted:
    """A server with a script of responses; the last one repeats."""

    def __init__(self, name: str, *script: Exception | None) -> None:
        self.name = name
        self.script = list(script) or [None]
        self.calls: list[str] = []

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        self.calls.append("infer")
        return self._respond()

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Any:
        self.calls.append("stream")
        yield self._respond()
        yield self._respond()

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return self.script[0] is None

    def close(self) -> None:
        self.calls.append("close")

    def _respond(self) -> KServeResponse:
        result = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if result is not None:
            raise result
        return KServeResponse(self.name, (), {})


def send_often(replicas: Replicas, times: int) -> Counter[str]:
    return Counter(replicas.infer(REQUEST, 5).id for _ in range(times))


def test_an_outage_of_one_server_is_two_lines_however_many_requests_meet_it(caplog: pytest.LogCaptureFixture) -> None:
    down = Scripted("a", NotReachedError("refused"))
    replicas = Replicas([down, Scripted("b")], ["here:1", "here:2"])
    caplog.set_level("INFO", "turnout_triton")

    for pause in (0.0, 0.15, 0.25):
        time.sleep(pause)
        assert send_often(replicas, 6) == {"b": 6}
    down.script = [None]
    time.sleep(0.5)
    assert send_often(replicas, 6) == {"a": 3, "b": 3}

    lost, back = caplog.messages
    assert lost == "server 'here:1' gets no requests until it is ready again, other servers get them: refused"
    assert back.startswith("server 'here:1' gets requests again, after ")


def test_servers_take_turns() -> None:
    assert send_often(Replicas([Scripted("a"), Scripted("b"), Scripted("c")]), 9) == {"a": 3, "b": 3, "c": 3}


def test_a_server_that_is_not_reached_gets_requests_again_after_a_back_off() -> None:
    down = Scripted("a", NotReachedError("down"), None)
    replicas = Replicas([down, Scripted("b")])

    assert send_often(replicas, 10) == {"b": 10}
    assert down.calls == ["infer"]
    threading.Event().wait(0.12)
    assert send_often(replicas, 10) == {"a": 5, "b": 5}


def test_a_request_that_broke_off_is_not_repeated_elsewhere() -> None:
    broke, other = Scripted("a", BackendUnavailableError("reset"), None), Scripted("b")
    replicas = Replicas([broke, other])

    with pytest.raises(BackendUnavailableError, match="reset"):
        replicas.infer(REQUEST, 5)

    assert other.calls == []
    assert send_often(replicas, 4) == {"b": 4}


def test_a_full_queue_sends_to_the_next_server_without_a_back_off() -> None:
    full = Scripted("a", OverloadedError("full"), None)

    assert send_often(Replicas([full, Scripted("b")]), 4) == {"b": 3, "a": 1}


def test_an_error_of_the_model_is_not_retried_on_another_server() -> None:
    other = Scripted("b")

    with pytest.raises(InferenceError):
        Replicas([Scripted("a", InferenceError("bad")), other]).infer(REQUEST, 5)

    assert other.calls == []


def test_when_all_are_down_all_are_tried() -> None:
    servers = [Scripted(name, NotReachedError(name)) for name in "abc"]
    replicas = Replicas(servers)

    for _ in range(3):
        with pytest.raises(NotReachedError):
            replicas.infer(REQUEST, 5)

    assert [len(server.calls) for server in servers] == [3, 3, 3]
    assert not replicas.ready("m", "", 1)


def test_a_stream_goes_to_the_next_server_until_its_first_response() -> None:
    replicas = Replicas([Scripted("a", NotReachedError("down")), Scripted("b")])
    assert [answer.id for answer in replicas.stream(REQUEST, 5)] == ["b", "b"]

    breaks = Replicas([Scripted("a", None, NotReachedError("down")), Scripted("b")]).stream(REQUEST, 5)
    assert next(breaks).id == "a"
    with pytest.raises(NotReachedError):
        next(breaks)


class Hangs(Scripted):
    """Answers, or while ``hanging`` is set lets each request wait until its deadline; ``ready`` is as it is told."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.hanging = threading.Event()
        self.is_ready = True

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        self.calls.append("infer")
        if self.hanging.is_set():
            threading.Event().wait(timeout_seconds)
            raise DeadlineExceededError("late")
        return self._respond()

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Any:
        self.infer(REQUEST, timeout_seconds)
        return {"name": self.name}

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return self.is_ready


def outcomes(replicas: Replicas, times: int, timeout_seconds: float = 0.15) -> list[str]:
    def one() -> str:
        try:
            return replicas.infer(REQUEST, timeout_seconds).id
        except TurnoutError as error:
            return type(error).__name__

    return [one() for _ in range(times)]


def test_a_server_that_hangs_costs_one_request_and_rests_until_it_is_ready() -> None:
    hung, other = Hangs("a"), Scripted("b")
    replicas = Replicas([hung, other])
    assert outcomes(replicas, 4) == ["a", "b", "a", "b"]
    hung.hanging.set()
    hung.is_ready = False

    assert Counter(outcomes(replicas, 30)) == {"DeadlineExceededError": 1, "b": 29}
    time.sleep(0.6)
    assert set(outcomes(replicas, 30)) == {"b"}

    hung.hanging.clear()
    hung.is_ready = True
    time.sleep(0.6)
    assert Counter(outcomes(replicas, 10)) == {"a": 5, "b": 5}
    replicas.close()


def one_that_hangs() -> Replicas:
    """Return replicas of two servers, ``a``, which has answered and hangs from now on, and ``b``."""
    hung = Hangs("a")
    replicas = Replicas([hung, Scripted("b")])
    outcomes(replicas, 4)
    hung.hanging.set()
    return replicas


def test_a_server_that_is_ready_and_hangs_is_tried_by_one_request_a_rest_and_the_rests_grow() -> None:
    replicas = one_that_hangs()
    end = time.monotonic() + 2.5

    lost = 0
    while time.monotonic() < end:
        lost += outcomes(replicas, 1, 0.05).count("DeadlineExceededError")
        time.sleep(0.002)

    # Rests of 0.1, 0.2, 0.4 and 0.8 s; without growth there would be ten.
    assert 3 <= lost <= 5
    replicas.close()


def test_callers_at_once_lose_one_request_each_at_most_and_a_trial_is_one_of_them() -> None:
    replicas = one_that_hangs()
    results: list[str] = []

    def call() -> None:
        for _ in range(50):
            results.extend(outcomes(replicas, 1, 0.1))
            time.sleep(0.005)

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)

    assert len(results) == 400
    assert results.count("DeadlineExceededError") <= 8 + 3
    replicas.close()


def test_a_caller_in_a_hurry_says_nothing_about_a_server() -> None:
    slow, other = Hangs("a"), Scripted("b")
    replicas = Replicas([slow, other])
    slow.hanging.set()

    assert outcomes(replicas, 6, 0.004) == ["DeadlineExceededError", "b"] * 3


def test_a_late_request_says_nothing_about_a_server_that_answers_others_meanwhile() -> None:
    both, other = Hangs("a"), Scripted("b")
    replicas = Replicas([both, other])
    outcomes(replicas, 2)
    both.hanging.set()
    late = threading.Thread(target=outcomes, args=(replicas, 1, 0.3))
    late.start()
    time.sleep(0.02)
    both.hanging.clear()
    assert outcomes(replicas, 4) == ["b", "a", "b", "a"]
    late.join(5)

    assert outcomes(replicas, 4) == ["b", "a", "b", "a"]


def test_requests_avoid_a_server_that_is_silent_before_any_deadline_has_passed() -> None:
    replicas = one_that_hangs()
    waiting = threading.Thread(target=outcomes, args=(replicas, 1, 1.0))
    waiting.start()
    time.sleep(0.1)

    start = time.monotonic()
    assert set(outcomes(replicas, 50, 5)) == {"b"}
    assert time.monotonic() - start < 0.5
    waiting.join(5)
    replicas.close()


def test_metadata_of_a_server_that_hangs_are_read_from_another_in_time() -> None:
    hung, other = Hangs("a"), Hangs("b")
    hung.hanging.set()
    replicas = Replicas([hung, other])

    start = time.monotonic()
    assert replicas.metadata("m", "", 1.0) == {"name": "b"}
    assert time.monotonic() - start < 0.9

    other.hanging.set()
    with pytest.raises(DeadlineExceededError):
        replicas.metadata("m", "", 0.3)
    replicas.close()


def test_close_closes_all_servers() -> None:
    servers = [Scripted("a"), Scripted("b")]

    Replicas(servers).close()

    assert [server.calls for server in servers] == [["close"], ["close"]]


def executed(server) -> int:
    with InferenceServerClient(server.grpc_url) as client:
        stats = client.get_inference_statistics("identity", as_json=True)["model_stats"][0]["inference_stats"]
    return int(stats["success"].get("count", 0))


X = np.ones((1, 2), np.float32)


def failures_while(model, act: Callable[[], object]) -> list[BaseException]:
    """Return the errors of four callers who send requests all the time while ``act`` runs."""
    stop, errors = threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            try:
                assert model.infer(InferenceRequest({"x": X}, time.monotonic() + 5))["y"].tolist() == [[1, 1]]
            except BaseException as error:  # noqa: BLE001  # handed to the test
                errors.append(error)

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    act()
    stop.set()
    for caller in callers:
        caller.join(10)
    return errors


def test_two_real_servers_share_the_work_and_one_may_die(own_server, server, open_one, protocol) -> None:
    other = own_server()
    model = open_one((url_of(server, protocol), url_of(other, protocol)), "identity")
    before = executed(server), executed(other)
    for _ in range(20):
        model.infer(InferenceRequest({"x": X}))
    assert (executed(server) - before[0], executed(other) - before[1]) == (10, 10)

    def die() -> None:
        threading.Event().wait(0.2)
        other.kill()
        threading.Event().wait(0.8)

    errors = failures_while(model, die)
    # At most one request of each caller was in flight there; those that never reached it went to the other.
    assert len(errors) <= 4
    assert {type(error) for error in errors} <= {BackendUnavailableError}
    other.restart()
    back = time.monotonic()
    start = executed(other)
    while executed(other) == start:
        model.infer(InferenceRequest({"x": X}))
        assert time.monotonic() - back < 1


def test_of_three_real_servers_one_may_stop_responding(own_server, open_one, protocol) -> None:
    """The rates and latencies are those of ``benchmarks/replicas.py``."""
    servers = [own_server() for _ in range(3)]
    model = open_one(tuple(url_of(server, protocol) for server in servers), "identity")
    answered, lost = [], []
    end = time.monotonic() + 4

    def call() -> None:
        while (start := time.monotonic()) < end:
            try:
                model.infer(InferenceRequest({"x": X}, start + 0.5))
                answered.append(None)
            except TurnoutError as error:
                lost.append(error)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    time.sleep(0.5)
    servers[1].pause()
    for caller in callers:
        caller.join(10)
    servers[1].resume()

    # One for each caller, which was in flight there, and half as many for other work on this machine.
    assert len(lost) <= 6
    assert len(answered) > 100
    before = executed(servers[1])
    until(lambda: bool(model.infer(InferenceRequest({"x": X}))) and executed(servers[1]) > before, 5)


def test_a_model_opens_though_the_first_of_two_servers_hangs(own_server, open_one, protocol) -> None:
    hung, other = own_server(), own_server()
    hung.pause()

    model = open_one((url_of(hung, protocol), url_of(other, protocol)), "identity")

    assert model.infer(InferenceRequest({"x": X}, time.monotonic() + 5))["y"].tolist() == [[1, 1]]
    hung.resume()


def test_urls_of_two_schemes_are_refused(open_one) -> None:
    with pytest.raises(ConfigurationError, match="2 addresses with the schemes grpc, http"):
        open_one(("grpc://localhost:1", "http://localhost:2"), "identity")
    with pytest.raises(ConfigurationError, match="0 addresses"):
        open_one((), "identity")
