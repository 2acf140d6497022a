"""What a real server counts, and what a response reports of itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.conftest import AT_ONCE, config_tensors, write_python

from turnout import InferenceRequest, ModelDeclaration, ServerStatistics
from turnout.errors import BackendUnavailableError, TurnoutError
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.server import LocalServer
from turnout_triton.statistics import read_statistics

# Takes 20 ms for a batch, whatever its size.
BATCHED = """
import time
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        time.sleep(0.02)
        return [utils.InferenceResponse([utils.Tensor("y", request.inputs()[0].as_numpy())]) for request in requests]
"""


@pytest.fixture(scope="module")
def batching_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    repository: Path = tmp_path_factory.mktemp("batching") / "repository"
    config = config_tensors("input", {"x": ("FP32", [2])}) + config_tensors("output", {"y": ("FP32", [2])})
    write_python(repository, "batched", BATCHED, f"{config}max_batch_size: 8\ndynamic_batching {{ }}\n")
    with LocalServer(repository, AT_ONCE) as running:
        yield running


def counted(options: TritonOptions, before: ServerStatistics, requests: int) -> ServerStatistics:
    """Return what was counted since, when it is ``requests``: Triton counts after it has answered."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        found = read_statistics(ModelDeclaration("batched"), options) - before
        if found.requests == requests:
            return found
    raise AssertionError(f"the server did not count {requests} requests: {found}")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_counts_requests_batches_and_their_time(batching_server: LocalServer, protocol: str) -> None:
    options = TritonOptions(url=url_of(batching_server, protocol))
    declaration = ModelDeclaration("batched", max_batch_size=8)
    before = read_statistics(declaration, options)
    with closing(open_model(declaration, options)) as model, ThreadPoolExecutor(8) as pool:
        request = InferenceRequest({"x": np.ones((1, 2), np.float32)})
        assert all(pool.map(lambda _: model.infer(request)["y"].shape == (1, 2), range(32)))

    found = counted(options, before, 32)

    assert sum(rows * count for rows, (count, _) in found.batches.items()) == 32
    assert max(found.batches) > 1
    executions = sum(count for count, _ in found.batches.values())
    assert sum(seconds for _, seconds in found.batches.values()) >= 0.02 * executions
    # Each request of a batch waits for all of it.
    assert found.compute_seconds >= 32 * 0.02
    assert found.queue_seconds > 0


def test_the_servers_of_one_model_are_added(batching_server: LocalServer) -> None:
    url = url_of(batching_server, "grpc")
    one = read_statistics(ModelDeclaration("batched"), TritonOptions(url=url))

    both = read_statistics(ModelDeclaration("batched"), TritonOptions(url=(url, url)))

    assert both == one + one


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_response_reports_its_parts(batching_server: LocalServer, protocol: str) -> None:
    options = TritonOptions(url=url_of(batching_server, protocol))
    with closing(open_model(ModelDeclaration("batched", max_batch_size=8), options)) as model:
        start = time.perf_counter()
        timings = model.infer(InferenceRequest({"x": np.ones((1, 2), np.float32)})).timings
        seconds = time.perf_counter() - start

    assert list(timings) == ["encode", "round_trip", "decode"]
    assert timings["round_trip"] >= 0.02
    assert seconds * 0.9 <= sum(timings.values()) <= seconds


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_server_that_is_not_there_is_an_error(scheme: str) -> None:
    with pytest.raises(BackendUnavailableError):
        read_statistics(ModelDeclaration("batched"), TritonOptions(url=f"{scheme}localhost:9"))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_model_that_the_server_does_not_have_is_an_error(batching_server: LocalServer, protocol: str) -> None:
    with pytest.raises(TurnoutError):
        read_statistics(ModelDeclaration("nobody"), TritonOptions(url=url_of(batching_server, protocol)))
