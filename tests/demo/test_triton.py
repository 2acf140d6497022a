"""The demo on a real Triton server: the same answers over every transport, and batches of one fan-out."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from tests.demo.conftest import PICTURES, ROOT

import turnout
from turnout.metrics import Metrics

server_room = pytest.importorskip("turnout_triton.server")

TRANSPORTS = {
    "grpc and shared memory": ("", 1),
    "grpc and the wire": ("", None),
    "http and shared memory": ("http://", 1),
    "http and the wire": ("http://", None),
}
SIXTEEN_BOXES = [
    [8 + 24 * (index % 4), 8 + 24 * (index // 4), 92 + 24 * (index % 4), 92 + 24 * (index // 4)] for index in range(16)
]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with server_room.LocalServer(ROOT / "model_repository", server_room.ServerOptions(grace_seconds=0)) as running:
        yield running


@pytest.fixture
def open_on_triton(server, monkeypatch) -> Callable[[str, int | None], turnout.Turnout]:
    """Return a function that opens turnout.yaml on the server; a threshold of None turns shared memory off."""

    def open_app(scheme: str, threshold: int | None) -> turnout.Turnout:
        settings = YAML(typ="safe").load(ROOT / "turnout.yaml")
        memory = {"shared_memory": "off"} if threshold is None else {"shared_memory_threshold_bytes": threshold}
        url = f"{scheme}{server.http_url if scheme else server.grpc_url}"
        for model in settings["models"].values():
            model["backends"]["triton"] |= {"url": url, **memory}
        monkeypatch.chdir(ROOT)
        return turnout.open(settings | {"backend": "triton"}, metrics=Metrics())

    return open_app


def _get(server: Any, path: str) -> Any:
    with urllib.request.urlopen(f"http://{server.http_url}{path}", timeout=10) as answer:
        return json.load(answer)


def _counts(server: Any) -> dict[str, tuple[int, int]]:
    """Return the server's counts of inferences and executions by model."""
    stats = _get(server, "/v2/models/stats")["model_stats"]
    return {model["name"]: (model["inference_count"], model["execution_count"]) for model in stats}


def _counts_after(server: Any, before: dict[str, tuple[int, int]], inferences: int) -> dict[str, tuple[int, int]]:
    """Return the counts since ``before`` when they are ``inferences`` of each model: Triton counts after it has answered."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        counts = {name: (done - before[name][0], runs - before[name][1]) for name, (done, runs) in _counts(server).items()}
        if all(done == inferences for done, _ in counts.values()):
            return counts
    raise AssertionError(f"the server did not count {inferences} inferences of each model: {counts}")


# The tests that count come first: the last request over gRPC of another test may be counted seconds later.


def test_one_call_with_16_boxes_reaches_triton_as_batches(open_on_triton, server) -> None:
    # On a busy machine some boxes come too late for the batch of the others; without batches no try succeeds.
    tries = []
    with open_on_triton("", None) as app:
        start = _counts(server)
        app.run("describe", image=str(PICTURES[0]), regions=SIXTEEN_BOXES)
        # Otherwise the last counts of this run would be added to those of the next ones.
        _counts_after(server, start, 16)
        while len(tries) < 5 and not (tries and min(tries[-1].values()) >= 4):
            before = _counts(server)
            for _ in range(3):
                assert not app.run("describe", image=str(PICTURES[0]), regions=SIXTEEN_BOXES).failures
            counts = _counts_after(server, before, 48)
            tries.append({name: inferences / executions for name, (inferences, executions) in counts.items()})

    assert min(tries[-1].values()) >= 4, tries


def test_the_same_boxes_one_by_one_reach_triton_alone(open_on_triton, server) -> None:
    with open_on_triton("", None) as app:
        before = _counts(server)
        for box in SIXTEEN_BOXES[:4]:
            app.run("describe", image=str(PICTURES[0]), regions=[box])

        assert all(inferences == executions for inferences, executions in _counts_after(server, before, 4).values())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_triton_has_the_results_of_onnxruntime_for_every_picture(open_demo, open_on_triton, server, transport) -> None:
    local = open_demo("onnxruntime")
    with open_on_triton(*TRANSPORTS[transport]) as app:
        pairs = [(local.run("describe", image=str(file)), app.run("describe", image=str(file))) for file in PICTURES]
        regions = _get(server, "/v2/systemsharedmemory/status")

    assert bool(regions) == transport.endswith("shared memory")
    for expected, got in pairs:
        assert not got.failures
        assert (got["captions"], got["answers"]) == (expected["captions"], expected["answers"])
        for ours, theirs in zip(got["masks"], expected["masks"], strict=True):
            assert np.array_equal(ours, theirs)
    assert _get(server, "/v2/systemsharedmemory/status") == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_mask_logits_differ_by_less_than_1e_4(open_demo, open_on_triton, transport) -> None:
    pixel_values = np.random.default_rng(7).standard_normal((8, 3, 128, 128)).astype(np.float32)
    expected = open_demo("onnxruntime").model("birefnet").infer({"pixel_values": pixel_values})["logits"]

    with open_on_triton(*TRANSPORTS[transport]) as app:
        answers = [app.model("birefnet").infer({"pixel_values": pixel_values})["logits"] for _ in range(2)]

    assert all(float(np.abs(answer - expected).max()) < 1e-4 for answer in answers)
