"""What a model on real servers reports: its servers, its bytes, its version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client.urls import SHARED, WIRE, url_of

import turnout
from turnout import Turnout
from turnout.errors import BackendUnavailableError
from turnout.metrics import Metrics
from turnout_triton.server import LocalServer

X = {"x": np.ones((2, 8), np.float32)}
LARGE = {"x": np.ones((4, 2**18), np.float32)}
PATIENCE_SECONDS = 30


@pytest.fixture
def open_app() -> Iterator[Callable[..., Turnout]]:
    with ExitStack() as stack:

        def make(*urls: str, **options: Any) -> Turnout:
            triton = {"url": list(urls) if len(urls) > 1 else urls[0], **options}
            models = {"identity": {"backend": "triton", "backends": {"triton": triton}}}
            return stack.enter_context(turnout.open({"models": models}, metrics=Metrics()))

        yield make


def replicas(app: Turnout) -> Mapping[str, float]:
    [family] = [one for one in app.metrics.registry.collect() if one.name == "turnout_replica_up"]
    return {sample.labels["replica"]: sample.value for sample in family.samples}


def bytes_of(app: Turnout) -> Mapping[tuple[str, str], float]:
    [family] = [one for one in app.metrics.registry.collect() if one.name == "turnout_transfer_bytes"]
    samples = [sample for sample in family.samples if sample.name.endswith("_total")]
    return {(sample.labels["transport"], sample.labels["direction"]): sample.value for sample in samples}


def infer(app: Turnout, inputs: Mapping[str, Any] = X) -> str:
    return app.model("identity").infer(inputs, timeout_seconds=10).model_version


def wait_for(reached: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_version_that_answered_is_in_the_response(server, open_app, protocol) -> None:
    app = open_app(url_of(server, protocol))

    assert [infer(app) for _ in range(3)] == ["1"] * 3
    assert infer(app, LARGE) == "1"
    response = app.model("identity").infer(X, id="with an id")
    assert (response.id, response.model_version) == ("with an id", "1")


def test_each_response_of_a_stream_has_the_version(server, open_one) -> None:
    model = open_one(server.grpc_url, "counts")

    responses = list(model.infer_stream(turnout.InferenceRequest({"count": np.array([3], np.int32)})))

    assert [response.model_version for response in responses] == ["1", "1", "1"]


def test_a_replica_that_dies_is_0_until_it_is_back(server, own_server, open_app) -> None:
    first, second = server, own_server()
    app = open_app(url_of(first, "grpc"), url_of(second, "grpc"))
    for _ in range(4):
        infer(app)
    before = replicas(app)

    second.kill()
    for _ in range(4):
        infer(app)
    dead = replicas(app)
    second.restart()
    # Nobody sends a request meanwhile.
    wait_for(lambda: replicas(app)["1"])

    assert (before, dead) == ({"0": 1, "1": 1}, {"0": 1, "1": 0})
    assert infer(app) == "1"
    app.close()
    assert replicas(app) == {}


def test_the_only_server_of_a_model_has_a_state_too(own_server, open_app) -> None:
    running: LocalServer = own_server()
    app = open_app(url_of(running, "http"))
    infer(app)
    before = replicas(app)

    running.kill()
    with pytest.raises(BackendUnavailableError):
        infer(app)
    dead = replicas(app)
    running.restart()
    wait_for(lambda: replicas(app)["0"])

    assert (before, dead) == ({"0": 1}, {"0": 0})
    wait_for(lambda: _answers(app))


def _answers(app: Turnout) -> bool:
    try:
        return infer(app) == "1"
    except BackendUnavailableError:
        return False


def test_bytes_over_the_wire_are_those_of_the_tensors(server, open_app, protocol) -> None:
    app = open_app(url_of(server, protocol), **WIRE)

    for inputs in (X, X, LARGE):
        infer(app, inputs)

    size = 2 * X["x"].nbytes + LARGE["x"].nbytes
    assert bytes_of(app) == {
        ("wire", "sent"): size,
        ("wire", "received"): size,
        ("shared_memory", "sent"): 0,
        ("shared_memory", "received"): 0,
    }


def test_bytes_through_shared_memory_are_counted_apart(server, open_app, protocol) -> None:
    app = open_app(url_of(server, protocol), **SHARED)
    infer(app, X)
    # The first response shows the size of the output.
    infer(app, LARGE)
    first = bytes_of(app)

    infer(app, LARGE)

    large = LARGE["x"].nbytes
    moved = {way: size - first[way] for way, size in bytes_of(app).items()}
    assert moved["shared_memory", "sent"] == moved["shared_memory", "received"] == large
    assert (moved["wire", "sent"], moved["wire", "received"]) == (0, 0)
