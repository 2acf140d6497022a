"""A request ends at its deadline, whatever the server does; gRPC tells the server too."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.plugins.triton.client.asking import in_time

from turnout import InferenceRequest
from turnout.errors import DeadlineExceededError
from turnout_triton.client.shared_memory.pool import RegionPool

LATE_SECONDS = 0.05  # what a busy machine may add


def request(seconds: float, x: np.ndarray | None = None, *, timeout: float | None = None) -> InferenceRequest:
    inputs = {"x": np.zeros(1, np.float32) if x is None else x, "seconds": np.array([seconds], np.float32)}
    return InferenceRequest(inputs, None if timeout is None else time.monotonic() + timeout)


def late(model, asked: InferenceRequest) -> float:
    """Return how long the request takes to be given up."""
    start = time.monotonic()
    with pytest.raises(DeadlineExceededError, match=r"'(waits|identity)' on triton at .* did not answer in time"):
        model.infer(asked)
    return time.monotonic() - start


def test_a_late_request_is_given_up_on_time(odd_server, opened, memory) -> None:
    model = opened(odd_server, "waits", **memory)

    assert in_time(lambda: late(model, request(0.5, timeout=0.2)), 0.2 + LATE_SECONDS) >= 0.195

    assert model.infer(request(0))["y"].tolist() == [0]


def test_grpc_has_the_server_drop_a_late_request_and_http_has_no_word_for_it(odd_server, opened, protocol) -> None:
    model = opened(odd_server, "waits")
    before = model.infer(request(0))["cancelled"][0]

    late(model, request(0.6, timeout=0.1))
    start = time.monotonic()
    cancelled = model.infer(request(0))["cancelled"][0] - before

    assert cancelled == (1 if protocol == "grpc" else 0)
    assert (time.monotonic() - start < 0.3) is (protocol == "grpc")


def test_a_request_past_its_deadline_is_not_sent(odd_server, opened) -> None:
    model = opened(odd_server, "waits")

    with pytest.raises(DeadlineExceededError, match="was not started"):
        model.infer(request(0, timeout=-1))

    assert model.infer(request(0, timeout=5))["y"].tolist() == [0]


def test_a_request_without_a_deadline_gets_the_models(odd_server, opened) -> None:
    model = opened(odd_server, "waits", timeout_seconds=0.2)

    assert in_time(lambda: late(model, request(0.5)), 0.2 + LATE_SECONDS) >= 0.195

    assert opened(odd_server, "waits").infer(request(0.3))["y"].tolist() == [0]


def reuse(model) -> np.ndarray:
    """Return the answer to twos, asked while a late request of ones waits in the server's queue behind a long one.

    If the place of the late one's output became the place of the twos, the late answer would overwrite them.
    """
    ones, twos = np.ones(1000, np.float32), np.full(1000, 2, np.float32)
    model.infer(request(0, ones))  # tells the size of the output
    with ThreadPoolExecutor(2) as pool:
        pool.submit(model.infer, request(0.5))
        threading.Event().wait(0.1)
        late(model, request(0, ones, timeout=0.1))
        return pool.submit(model.infer, request(0, twos)).result(5)["y"]


def test_a_region_whose_request_was_late_is_never_used_again(odd_server, opened) -> None:
    model = opened(odd_server, "waits", shared_memory_threshold_bytes=1000)

    assert reuse(model).tolist() == [2] * 1000


@pytest.mark.parametrize("protocol", ["http"], indirect=True)
def test_using_it_again_would_have_been_seen(odd_server, opened, monkeypatch) -> None:
    monkeypatch.setattr(RegionPool, "retire", RegionPool.release)
    model = opened(odd_server, "waits", shared_memory_threshold_bytes=1000)

    assert reuse(model).tolist() != [2] * 1000


def test_a_paused_server_delays_nobody_beyond_the_deadline(own_server, opened) -> None:
    server = own_server()
    model = opened(server, "identity")
    server.pause()

    large = {"x": np.ones((1, 300_000), np.float32)}  # with shared memory the first has a region to register
    for _ in range(2):
        in_time(lambda: late(model, InferenceRequest(large, time.monotonic() + 0.3)), 0.3 + LATE_SECONDS)
    server.resume()

    assert model.infer(InferenceRequest({"x": np.ones((1, 2), np.float32)}, time.monotonic() + 10))["y"].tolist() == [[1, 1]]
