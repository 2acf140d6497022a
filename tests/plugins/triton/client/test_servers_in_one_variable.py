"""Several servers in one variable: the addresses that the manifests of Kubernetes give, on real servers of this machine."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from tritonclient.grpc import InferenceServerClient

import turnout
from turnout_triton.options import TritonOptions
from turnout_triton.server import LocalServer, ServerOptions

ROOT = Path(__file__).parents[4]
DEPLOYMENT = ROOT / "deploy/kubernetes/base/deployment.yaml"
PIXELS = {"pixel_values": np.zeros((1, 3, 128, 128), np.float32)}


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("a:8001", ("a:8001",)),
        ("a:8001,b:8001", ("a:8001", "b:8001")),
        (" a:8001 , http://b:8000, ", ("a:8001", "http://b:8000")),
        (["a:8001", "b:8001"], ("a:8001", "b:8001")),
        (",", (",",)),
    ],
)
def test_commas_are_between_servers(url: object, urls: tuple[str, ...]) -> None:
    assert TritonOptions.model_validate({"url": url}).urls == urls


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[LocalServer, LocalServer]]:
    only = ServerOptions(models=("birefnet",))
    with LocalServer(ROOT / "model_repository", only) as first, LocalServer(ROOT / "model_repository", only) as second:
        yield first, second


@pytest.fixture
def model(pair: tuple[LocalServer, LocalServer], monkeypatch: pytest.MonkeyPatch) -> Iterator[turnout.Model]:
    """The demo's model with the variables of its deployment; each pod's name is a server of this machine."""
    [container] = YAML(typ="safe").load(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    [value] = [one["value"] for one in container["env"] if one["name"] == "TRITON_URL"]
    for place, server in enumerate(pair):
        value = value.replace(f"turnout-triton-{place}.turnout-triton:8001", server.grpc_url)
    assert "turnout-triton" not in value
    monkeypatch.setenv("TRITON_URL", value)
    monkeypatch.setenv("INFERENCE_BACKEND", "triton")
    with turnout.open(ROOT / "turnout.yaml") as app:
        yield app.model("birefnet")


def answered(server: LocalServer) -> int:
    with InferenceServerClient(server.grpc_url) as client:
        found = client.get_inference_statistics("birefnet", as_json=True)["model_stats"]
    return sum(int(one["inference_stats"]["success"].get("count", 0)) for one in found)


def test_the_servers_of_the_deployment_get_requests_in_turn(
    model: turnout.Model, pair: tuple[LocalServer, LocalServer]
) -> None:
    before = [answered(server) for server in pair]

    with ThreadPoolExecutor(4) as threads:
        shapes = list(threads.map(lambda _: model.infer(PIXELS)["logits"].shape, range(40)))

    shares = [answered(server) - start for server, start in zip(pair, before, strict=True)]
    assert shapes == [(1, 1, 128, 128)] * 40
    assert sum(shares) == 40
    assert min(shares) >= 15


def test_a_server_that_is_replaced_costs_no_request(model: turnout.Model, pair: tuple[LocalServer, LocalServer]) -> None:
    outcomes: Counter[str] = Counter()
    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            try:
                outcomes["good"] += model.infer(PIXELS, timeout_seconds=20)["logits"].shape == (1, 1, 128, 128)
            except Exception as error:  # noqa: BLE001  # counted
                outcomes[f"{type(error).__name__}: {error}"] += 1

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        pair[0].restart()
        before = answered(pair[0])
        end = time.monotonic() + 20
        while answered(pair[0]) == before and time.monotonic() < end:
            threading.Event().wait(0.1)
        assert answered(pair[0]) > before
    finally:
        ended.set()
        for caller in callers:
            caller.join(30)

    assert set(outcomes) == {"good"}, outcomes
