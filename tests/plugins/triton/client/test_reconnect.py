"""A server that was killed and restarted gets requests within a second, over every transport."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.triton.client.urls import SHARED, WIRE, url_of

from turnout import InferenceRequest, ModelInference
from turnout.errors import BackendUnavailableError, NotReachedError, TurnoutError
from turnout_triton.server import LocalServer, ServerOptions

X = np.arange(6, dtype=np.float32).reshape(2, 3)
SLOW = ServerOptions(models=("slow",), trust=True, grace_seconds=0)


@pytest.fixture
def every_transport(open_one) -> Callable[[LocalServer, str], list[ModelInference]]:
    """Opens a model over gRPC and HTTP, with and without shared memory."""

    def open_all(server: LocalServer, name: str) -> list[ModelInference]:
        return [
            open_one(url_of(server, protocol), name, **memory) for protocol in ("grpc", "http") for memory in (WIRE, SHARED)
        ]

    return open_all


@pytest.fixture
def protocol() -> str:
    return "grpc"  # the tests open URLs


def send(model: ModelInference, x: np.ndarray = X) -> np.ndarray:
    return model.infer(InferenceRequest({"x": x}, time.monotonic() + 5))["y"]


def is_answered(model: ModelInference) -> bool:
    try:
        return np.array_equal(send(model), X)
    except TurnoutError:
        return False


def refusal(model: ModelInference, request: InferenceRequest) -> BaseException | None:
    try:
        model.infer(request)
    except TurnoutError as error:
        return error
    return None


def seconds_until_answer(model: ModelInference, since: float) -> float:
    while not is_answered(model):
        assert time.monotonic() - since < 5
    return time.monotonic() - since


def test_requests_are_answered_within_a_second_of_the_servers_return(own_server, every_transport) -> None:
    server = own_server()
    models = every_transport(server, "identity")
    assert all(is_answered(model) for model in models * 3)

    server.kill()
    start = time.monotonic()
    first = [refusal(model, InferenceRequest({"x": X})) for model in models]
    assert all(isinstance(error, BackendUnavailableError) for error in first)
    assert not any(model.ready() for model in models)
    assert {type(refusal(model, InferenceRequest({"x": X}))) for model in models} == {NotReachedError}
    assert time.monotonic() - start < 1
    threading.Event().wait(1.5)  # an outage, in which back-offs grow
    assert not any(is_answered(model) for model in models)
    server.restart()

    with ThreadPoolExecutor(4) as pool:
        back = time.monotonic()
        waited = list(pool.map(lambda model: seconds_until_answer(model, back), models))
    assert max(waited) < 1
    assert all(np.array_equal(send(model, 2 * X), 2 * X) and model.ready() for model in models * 3)


def test_a_request_in_flight_at_a_kill_is_unavailable_at_once(own_server, served_repository, every_transport) -> None:
    server = own_server(served_repository, SLOW)
    models = every_transport(server, "slow")

    with ThreadPoolExecutor(4) as pool:
        long = InferenceRequest({"seconds": np.full((1, 1), 20, np.float32)})
        in_flight = [pool.submit(refusal, model, long) for model in models]
        threading.Event().wait(0.3)
        server.kill()
        errors = [future.result(2) for future in in_flight]

    assert {type(error) for error in errors} == {BackendUnavailableError}  # not NotReachedError: it may have been done
    assert all("'slow' on triton at " in str(error) for error in errors)


def test_a_killed_stub_makes_calls_unavailable_though_the_server_says_ready(
    own_server, served_repository, every_transport
) -> None:
    server = own_server(served_repository, SLOW)
    models = every_transport(server, "slow")
    request = InferenceRequest({"seconds": np.zeros((1, 1), np.float32)})
    assert all(model.infer(request)["seconds_slept"].tolist() == [[0]] for model in models)

    os.kill(stub_of(server), signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:  # the server takes a second to find out
        errors = list(pool.map(lambda model: refusal(model, request), models))
    assert {type(error) for error in errors} == {BackendUnavailableError}
    assert all("has lost its process" in str(error) for error in errors)
    assert all(model.ready() for model in models)


def stub_of(server: LocalServer) -> int:
    """Return the pid of the one process that runs a model of ``server``."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            group, command = os.getpgid(int(process.name)), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if group == os.getpgid(server.pid) and b"triton_python_backend_stub" in command:
            return int(process.name)
    raise AssertionError("no stub runs")
