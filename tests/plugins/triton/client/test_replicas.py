"""Several servers take turns; those that are down are left out, and come back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client.asking import url_of
from tritonclient.grpc import InferenceServerClient

from turnout import InferenceRequest
from turnout.errors import BackendUnavailableError, ConfigurationError, InferenceError, NotReachedError, OverloadedError
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.replicas import Replicas

ASK = KServeRequest("m", "", "", {}, (), ())


class Scripted:
    """A server of which the next answers are known; the last one stays."""

    def __init__(self, name: str, *script: Exception | None) -> None:
        self.name = name
        self.script = list(script) or [None]
        self.asked: list[str] = []

    def infer(self, ask: KServeRequest, timeout_seconds: float) -> KServeResponse:
        self.asked.append("infer")
        return self._answer()

    def stream(self, ask: KServeRequest, timeout_seconds: float) -> Any:
        self.asked.append("stream")
        yield self._answer()
        yield self._answer()

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        return self.script[0] is None

    def close(self) -> None:
        self.asked.append("close")

    def _answer(self) -> KServeResponse:
        result = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if result is not None:
            raise result
        return KServeResponse(self.name, (), {})


def ask_often(replicas: Replicas, times: int) -> Counter[str]:
    return Counter(replicas.infer(ASK, 5).id for _ in range(times))


def test_each_is_asked_in_turn() -> None:
    assert ask_often(Replicas([Scripted("a"), Scripted("b"), Scripted("c")]), 9) == {"a": 3, "b": 3, "c": 3}


def test_one_that_is_not_reached_is_left_alone_for_a_while_and_asked_again() -> None:
    down = Scripted("a", NotReachedError("down"), None)
    replicas = Replicas([down, Scripted("b")])

    assert ask_often(replicas, 10) == {"b": 10}
    assert down.asked == ["infer"]
    threading.Event().wait(0.12)
    assert ask_often(replicas, 10) == {"a": 5, "b": 5}


def test_one_that_broke_off_is_not_repeated_elsewhere() -> None:
    broke, other = Scripted("a", BackendUnavailableError("reset"), None), Scripted("b")
    replicas = Replicas([broke, other])

    with pytest.raises(BackendUnavailableError, match="reset"):
        replicas.infer(ASK, 5)

    assert other.asked == []
    assert ask_often(replicas, 4) == {"b": 4}


def test_a_full_queue_sends_to_the_next_and_rests_nobody() -> None:
    full = Scripted("a", OverloadedError("full"), None)

    assert ask_often(Replicas([full, Scripted("b")]), 4) == {"b": 3, "a": 1}


def test_an_error_of_the_model_is_no_reason_to_ask_another() -> None:
    other = Scripted("b")

    with pytest.raises(InferenceError):
        Replicas([Scripted("a", InferenceError("bad")), other]).infer(ASK, 5)

    assert other.asked == []


def test_when_all_are_down_all_are_tried() -> None:
    servers = [Scripted(name, NotReachedError(name)) for name in "abc"]
    replicas = Replicas(servers)

    for _ in range(3):
        with pytest.raises(NotReachedError):
            replicas.infer(ASK, 5)

    assert [len(server.asked) for server in servers] == [3, 3, 3]
    assert not replicas.ready("m", "", 1)


def test_a_stream_goes_to_the_next_too_until_it_has_begun() -> None:
    replicas = Replicas([Scripted("a", NotReachedError("down")), Scripted("b")])
    assert [answer.id for answer in replicas.stream(ASK, 5)] == ["b", "b"]

    breaks = Replicas([Scripted("a", None, NotReachedError("down")), Scripted("b")]).stream(ASK, 5)
    assert next(breaks).id == "a"
    with pytest.raises(NotReachedError):
        next(breaks)


def test_all_are_closed() -> None:
    servers = [Scripted("a"), Scripted("b")]

    Replicas(servers).close()

    assert [server.asked for server in servers] == [["close"], ["close"]]


def executed(server) -> int:
    with InferenceServerClient(server.grpc_url) as client:
        stats = client.get_inference_statistics("identity", as_json=True)["model_stats"][0]["inference_stats"]
    return int(stats["success"].get("count", 0))


X = np.ones((1, 2), np.float32)


def failures_while(model, act: Callable[[], object]) -> list[BaseException]:
    """Return the errors of four callers who ask all the time while ``act`` runs."""
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


def test_two_real_servers_share_the_work_and_one_may_die(own_server, server, opened, protocol) -> None:
    other = own_server()
    model = opened((url_of(server, protocol), url_of(other, protocol)), "identity")
    before = executed(server), executed(other)
    for _ in range(20):
        model.infer(InferenceRequest({"x": X}))
    assert (executed(server) - before[0], executed(other) - before[1]) == (10, 10)

    def die() -> None:
        threading.Event().wait(0.2)
        other.kill()
        threading.Event().wait(0.8)

    errors = failures_while(model, die)
    # At most one request of each caller was under way there; those that never reached it were answered by the other.
    assert len(errors) <= 4
    assert {type(error) for error in errors} <= {BackendUnavailableError}
    other.restart()
    back = time.monotonic()
    start = executed(other)
    while executed(other) == start:
        model.infer(InferenceRequest({"x": X}))
        assert time.monotonic() - back < 1


def test_urls_of_two_schemes_are_refused(opened) -> None:
    with pytest.raises(ConfigurationError, match="2 addresses with the schemes grpc, http"):
        opened(("grpc://localhost:1", "http://localhost:2"), "identity")
    with pytest.raises(ConfigurationError, match="0 addresses"):
        opened((), "identity")
