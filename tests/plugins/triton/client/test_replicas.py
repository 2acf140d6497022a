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
from tritonclient.grpc import InferenceServerClient

from turnout import InferenceRequest
from turnout.errors import BackendUnavailableError, ConfigurationError, InferenceError, NotReachedError, OverloadedError
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


def test_urls_of_two_schemes_are_refused(open_one) -> None:
    with pytest.raises(ConfigurationError, match="2 addresses with the schemes grpc, http"):
        open_one(("grpc://localhost:1", "http://localhost:2"), "identity")
    with pytest.raises(ConfigurationError, match="0 addresses"):
        open_one((), "identity")
