"""A request ends at its deadline, whatever the server does; over gRPC the server cancels it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.plugins.triton.client.waiting import in_time

from turnout import InferenceRequest
from turnout.errors import DeadlineExceededError
from turnout_triton.client.shared_memory.pool import RegionPool

LATE_SECONDS = 0.05  # what a busy machine may add


def request(seconds: float, x: np.ndarray | None = None, *, timeout: float | None = None) -> InferenceRequest:
    inputs = {"x": np.zeros(1, np.float32) if x is None else x, "seconds": np.array([seconds], np.float32)}
    return InferenceRequest(inputs, None if timeout is None else time.monotonic() + timeout)


def seconds_until_late(model, sent: InferenceRequest) -> float:
    """Return the seconds until a request that exceeds its deadline ends."""
    start = time.monotonic()
    with pytest.raises(DeadlineExceededError, match=r"'(waits|identity)' on triton at .* did not answer in time"):
        model.infer(sent)
    return time.monotonic() - start


def test_a_late_request_ends_at_its_deadline(odd_server, open_one, memory) -> None:
    model = open_one(odd_server, "waits", **memory)

    assert in_time(lambda: seconds_until_late(model, request(0.5, timeout=0.2)), 0.2 + LATE_SECONDS) >= 0.195

    assert model.infer(request(0))["y"].tolist() == [0]


def test_a_late_request_is_cancelled_on_the_server_over_grpc_only(odd_server, open_one, protocol) -> None:
    model = open_one(odd_server, "waits")
    before = model.infer(request(0))["cancelled"][0]

    seconds_until_late(model, request(0.6, timeout=0.1))
    start = time.monotonic()
    cancelled = model.infer(request(0))["cancelled"][0] - before

    assert cancelled == (1 if protocol == "grpc" else 0)
    assert (time.monotonic() - start < 0.3) is (protocol == "grpc")


def test_a_request_past_its_deadline_is_not_sent(odd_server, open_one) -> None:
    model = open_one(odd_server, "waits")

    with pytest.raises(DeadlineExceededError, match="was not started"):
        model.infer(request(0, timeout=-1))

    assert model.infer(request(0, timeout=5))["y"].tolist() == [0]


def test_a_request_without_a_deadline_gets_the_models(odd_server, open_one) -> None:
    model = open_one(odd_server, "waits", timeout_seconds=0.2)

    assert in_time(lambda: seconds_until_late(model, request(0.5)), 0.2 + LATE_SECONDS) >= 0.195

    assert open_one(odd_server, "waits").infer(request(0.3))["y"].tolist() == [0]


def reuse(model) -> np.ndarray:
    """Return the output for twos, sent while a late request of ones waits in the server's queue behind a long one.

    If the region of the late output became the region of the twos, the late output would overwrite them.
    """
    ones, twos = np.ones(1000, np.float32), np.full(1000, 2, np.float32)
    model.infer(request(0, ones))  # shows the size of the output
    with ThreadPoolExecutor(2) as pool:
        pool.submit(model.infer, request(0.5))
        threading.Event().wait(0.1)
        seconds_until_late(model, request(0, ones, timeout=0.1))
        return pool.submit(model.infer, request(0, twos)).result(5)["y"]


def test_a_region_whose_request_was_late_is_never_reused(odd_server, open_one) -> None:
    model = open_one(odd_server, "waits", shared_memory_threshold_bytes=1000)

    assert reuse(model).tolist() == [2] * 1000


@pytest.mark.parametrize("protocol", ["http"], indirect=True)
def test_a_reused_region_would_be_noticed(odd_server, open_one, monkeypatch) -> None:
    monkeypatch.setattr(RegionPool, "retire", RegionPool.release)
    model = open_one(odd_server, "waits", shared_memory_threshold_bytes=1000)

    assert reuse(model).tolist() != [2] * 1000


def test_a_paused_server_delays_no_request_beyond_its_deadline(own_server, open_one) -> None:
    server = own_server()
    model = open_one(server, "identity")
    server.pause()

    large = {"x": np.ones((1, 300_000), np.float32)}  # with shared memory the first has a region to register
    for _ in range(2):
        in_time(lambda: seconds_until_late(model, InferenceRequest(large, time.monotonic() + 0.3)), 0.3 + LATE_SECONDS)
    server.resume()

    assert model.infer(InferenceRequest({"x": np.ones((1, 2), np.float32)}, time.monotonic() + 10))["y"].tolist() == [[1, 1]]
