"""A replica that is stopped gracefully, or unloads the model, costs no caller a request."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.plugins.triton.client.urls import SHARED, WIRE, settings, url_of
from tritonclient.grpc import InferenceServerClient

import turnout
from turnout.errors import BackendUnavailableError, NotReachedError
from turnout_triton.client import replicas
from turnout_triton.client.failures import NotLoadedError
from turnout_triton.server import LocalServer, ServerOptions

EXPLICIT = ServerOptions(models=("identity",), grace_seconds=0)


@pytest.fixture
def pair(own_server) -> tuple[LocalServer, LocalServer]:
    """Two real servers, whose models can be loaded and unloaded."""
    return own_server(options=EXPLICIT), own_server(options=EXPLICIT)


@pytest.fixture(params=["wire", "shared", "async"])
def model(request, pair, protocol) -> Iterator[tuple[turnout.Model, str]]:
    """The model on both servers, and how to call it."""
    memory = SHARED if request.param == "shared" else WIRE
    config = settings([url_of(server, protocol) for server in pair], "identity", **memory)
    with turnout.open(config) as app:
        yield app.model("identity"), request.param


class Load:
    """Callers of their own threads, or of one event loop, that each check every response."""

    def __init__(self, model: turnout.Model, kind: str, callers: int = 6) -> None:
        self._model = model
        self._stop = threading.Event()
        self.outcomes: Counter[str] = Counter()
        one = self._call_async if kind == "async" else self._call
        self._threads = [threading.Thread(target=one, args=(number,)) for number in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    @property
    def failures(self) -> Counter[str]:
        return self.outcomes - Counter({"good": self.outcomes["good"]})

    def wait_for(self, more: int) -> None:
        goal, end = self.outcomes.total() + more, time.monotonic() + 20
        while self.outcomes.total() < goal and time.monotonic() < end:
            threading.Event().wait(0.01)

    def _call(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            x = np.full((1, 3), number * 1_000_000 + count, np.float32)
            try:
                self._record(x, self._model.infer({"x": x}, timeout_seconds=10)["y"])
            except Exception as error:  # noqa: BLE001  # counted
                self.outcomes[f"{type(error).__name__}: {error}"] += 1

    def _call_async(self, number: int) -> None:
        async def work() -> None:
            count = 0
            while not self._stop.is_set():
                count += 1
                x = np.full((1, 3), number * 1_000_000 + count, np.float32)
                try:
                    self._record(x, (await self._model.ainfer({"x": x}, timeout_seconds=10))["y"])
                except Exception as error:  # noqa: BLE001  # counted
                    self.outcomes[f"{type(error).__name__}: {error}"] += 1

        asyncio.run(work())

    def _record(self, x: np.ndarray, y: np.ndarray) -> None:
        self.outcomes["good" if np.array_equal(x, y) else "wrong"] += 1


def stop_gracefully(server: LocalServer) -> None:
    os.kill(server.pid, signal.SIGTERM)
    server.wait_for_death()


def executed(server: LocalServer) -> int:
    with InferenceServerClient(server.grpc_url) as client:
        stats = client.get_inference_statistics("identity", as_json=True)["model_stats"][0]["inference_stats"]
    return int(stats["success"].get("count", 0))


def in_time(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return condition()


def test_a_graceful_stop_of_one_replica_fails_nobody(pair, model) -> None:
    staying, leaving = pair

    with Load(*model) as load:
        load.wait_for(200)
        stop_gracefully(leaving)
        load.wait_for(500)
        leaving.restart()
        before = executed(leaving)
        assert in_time(lambda: executed(leaving) > before), "the server that is back gets no requests"

    assert not load.failures
    assert load.outcomes["good"] > 1000
    assert executed(staying) > 0


def test_a_model_that_one_replica_unloads_fails_nobody(pair, model) -> None:
    staying, leaving = pair

    with Load(*model) as load, InferenceServerClient(leaving.grpc_url) as control:
        load.wait_for(200)
        for _ in range(2):
            control.unload_model("identity")
            load.wait_for(200)
            control.load_model("identity")
            assert in_time(lambda: executed(leaving) > 0), "the server that has the model again gets no requests"

    assert not load.failures
    assert load.outcomes["good"] > 600
    assert executed(staying) > 0


def test_this_load_finds_a_client_that_keeps_to_one_replica(pair, protocol, monkeypatch) -> None:
    monkeypatch.setattr(replicas, "NotReachedError", type("Nothing", (NotReachedError,), {}))
    config = settings([url_of(server, protocol) for server in pair], "identity")

    with (
        turnout.open(config) as app,
        InferenceServerClient(pair[1].grpc_url) as control,
        Load(app.model("identity"), "wire") as load,
    ):
        load.wait_for(50)
        control.unload_model("identity")
        load.wait_for(200)

    assert any("is not loaded there" in text for text in load.failures)


def test_a_model_that_no_replica_has_is_one_clear_error(pair, protocol) -> None:
    urls = [url_of(server, protocol) for server in pair]
    with turnout.open(settings(urls, "identity")) as app:
        model, x = app.model("identity"), np.ones((1, 3), np.float32)
        model.infer({"x": x})
        with InferenceServerClient(pair[0].grpc_url) as one, InferenceServerClient(pair[1].grpc_url) as two:
            one.unload_model("identity")
            two.unload_model("identity")
            assert in_time(lambda: not one.is_model_ready("identity") and not two.is_model_ready("identity"))

            with pytest.raises(NotLoadedError, match="none of the 2 servers of model 'identity' took the request: ") as caught:
                model.infer({"x": x})

            assert all(url in str(caught.value) for url in urls)
            assert "\n" not in str(caught.value)
            one.load_model("identity")
            assert model.infer({"x": x})["y"].tolist() == x.tolist()


def test_a_single_server_that_refuses_is_unavailable_and_the_request_is_not_wrong(own_server, protocol) -> None:
    server, x = own_server(options=EXPLICIT), np.ones((1, 3), np.float32)
    with (
        turnout.open(settings(url_of(server, protocol), "identity")) as app,
        InferenceServerClient(server.grpc_url) as control,
    ):
        model = app.model("identity")
        model.infer({"x": x})
        control.unload_model("identity")
        assert in_time(lambda: not control.is_model_ready("identity"))

        with pytest.raises(BackendUnavailableError, match="is not loaded there"):
            model.infer({"x": x})

        control.load_model("identity")
        assert model.infer({"x": x})["y"].tolist() == x.tolist()
