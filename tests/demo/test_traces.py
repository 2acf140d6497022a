"""One trace of the demo's pipeline on a real server: steps, requests and executions at once, and a fallback when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.traces import Traces, id_of

import turnout
from turnout import Turnout
from turnout.metrics import Metrics
from turnout_triton.server import LocalServer, ServerOptions

ROOT = Path(__file__).parents[2]
PICTURE = str(ROOT / "examples" / "pictures" / "dusk.jpg")
RUNS = 4
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    return Traces().install(monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(ROOT / "model_repository", ServerOptions(grace_seconds=0)) as running:
        yield running


@pytest.fixture
def app(server: LocalServer, traces: Traces, monkeypatch: pytest.MonkeyPatch) -> Iterator[Turnout]:
    """Open the demo on the server, with ONNX Runtime as the fallback of every model."""
    settings = YAML(typ="safe").load(ROOT / "turnout.yaml")
    for model in settings["models"].values():
        model["fallback"] = "onnxruntime"
        model["backends"]["triton"]["url"] = server.grpc_url
    monkeypatch.chdir(ROOT)
    with turnout.open(settings | {"backend": "triton"}, metrics=Metrics()) as opened:
        yield opened


def test_runs_at_once_have_a_tree_each_and_a_dead_server_is_a_fallback_in_it(
    app: Turnout, server: LocalServer, traces: Traces
) -> None:
    with ThreadPoolExecutor(RUNS) as pool:
        captions = [run["captions"] for run in pool.map(lambda _: app.run("describe", image=PICTURE), range(RUNS))]

    assert_trees(traces, RUNS)
    assert all((span.attributes or {})["turnout.backend"] == "triton" for span in traces.ended if span.name.startswith("exec"))
    assert len({(span.attributes or {})["server.port"] for span in traces.ended if span.name.startswith("exec")}) == 1

    server.kill()

    async def run_all() -> list[object]:
        return [run["captions"] for run in await asyncio.gather(*(app.arun("describe", image=PICTURE) for _ in range(RUNS)))]

    assert asyncio.run(run_all()) == captions
    assert_trees(traces, 2 * RUNS)
    requests = [span for span in traces.ended if span.name.startswith("request ")]
    fell_back = [span for span in requests if span.events]
    assert len(fell_back) == len(requests) // 2
    for span in fell_back:
        attributes, event = span.attributes or {}, span.events[0].attributes or {}
        assert (attributes["turnout.outcome"], attributes["turnout.backend"]) == ("ok", "onnxruntime")
        assert (event["turnout.backend"], event["turnout.fallback.to"]) == ("triton", "onnxruntime")
        assert event["turnout.fallback.reason"] in ("unavailable", "not_reached", "circuit_open")


def assert_trees(traces: Traces, runs: int) -> None:
    """Assert that each run is a trace of its own: 4 steps, whose requests are below them, with executions below or linked."""
    assert len(traces.named("pipeline describe")) == runs
    for run in traces.named("pipeline describe"):
        own = {id_of(span): span for span in traces.ended if span.context.trace_id == run.context.trace_id}
        steps = [span for span in own.values() if span.name.startswith("step ")]
        assert len(steps) == 4
        assert all(span.parent == run.context for span in steps)
        for request in (span for span in own.values() if span.name.startswith("request ")):
            assert request.parent is not None
            assert own[request.parent.span_id].name.startswith("step ")
            below = [span for span in own.values() if span.parent and span.parent.span_id == id_of(request)]
            assert below or request.links
