"""The walk of a request in ARCHITECTURE.md is what a real call does, frame by frame."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins

PAGE = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text("utf-8")

PLUGIN = """
from turnout import Backend, InstanceGroup, Options, hookimpl

CREATE = {}

class GroupOptions(Options):
    instance_group: tuple[InstanceGroup, ...] = ()

def instances(options):
    return [GroupOptions() for group in options.instance_group for _ in group.devices()]

@hookimpl
def turnout_backends():
    return [
        Backend(name, lambda model, options, name=name: CREATE[name](), GroupOptions, instances=instances)
        for name in ("first", "other")
    ]
"""

EVERYTHING = {
    "backend": "first",
    "backends": {"first": {"instance_group": [{"kind": "KIND_CPU"}]}, "other": {}},
    "record": {"directory": "recordings", "fraction": 1.0},
    "fallback": "other",
    "canary": {"backend": "other", "weight": 0.0},
    "shadow": {"backend": "other", "fraction": 1.0},
    "retry": {},
    "circuit_breaker": {},
    "max_in_flight": 4,
    "max_batch_size": 4,
    "dynamic_batching": {},
}


def frames_of_the_page(door: str = "infer", *, traced: bool = False) -> list[str]:
    block = PAGE.partition("## One request")[2].partition("```text\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if traced or "tracing only" not in line]
    return [line.split()[0] for line in lines if door == "ainfer" or "ainfer only" not in line]


def frames_above(frame: FrameType | None) -> list[str]:
    """Return the classes whose methods are on the stack within the package, the outermost first."""
    names = []
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("turnout."):
            names.append(type(frame.f_locals["self"]).__name__ if "self" in frame.f_locals else frame.f_code.co_name)
        frame = frame.f_back
    # A method may have helpers.
    return [name for name, _ in itertools.groupby(names[::-1])]


class Witness(ModelInference):
    """Records the frames that its caller came through."""

    def __init__(self) -> None:
        self.frames: list[str] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.frames = frames_above(sys._getframe())
        return InferenceResponse({name: array.copy() for name, array in request.inputs.items()}, request.id)


class WitnessAwaited(Witness):
    """Is awaited."""

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self.frames = frames_above(sys._getframe())
        return InferenceResponse({name: array.copy() for name, array in request.inputs.items()}, request.id)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "turnout_test_walk.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module("turnout_test_walk")
    module.CREATE["other"] = Witness
    yield module
    del sys.modules["turnout_test_walk"]


def walk(plugins: Any, settings: dict[str, Any]) -> list[str]:
    witness = Witness()
    plugins.CREATE["first"] = lambda: witness
    found = Plugins([EntryPoint("walk", "turnout_test_walk", "turnout")])
    with turnout.open({"models": {"m": settings}}, plugins=found, metrics=Metrics()) as app:
        app.model("m").infer({"x": np.ones((1, 1), np.float32)})
    return witness.frames


def test_the_frames_of_a_call_are_those_of_the_page(plugins: Any) -> None:
    assert walk(plugins, EVERYTHING) == frames_of_the_page()


def test_the_frames_of_an_awaited_call_are_those_of_the_page(plugins: Any) -> None:
    witness = WitnessAwaited()
    plugins.CREATE["first"] = lambda: witness
    found = Plugins([EntryPoint("walk", "turnout_test_walk", "turnout")])
    # A queue of this process has threads of its own, and calls infer.
    unqueued = {name: value for name, value in EVERYTHING.items() if name != "dynamic_batching"}
    one = unqueued | {"backends": {"first": {}, "other": {}}, "max_batch_size": 0}

    with turnout.open({"models": {"m": one}}, plugins=found, metrics=Metrics()) as app:
        asyncio.run(app.model("m").ainfer({"x": np.ones(1, np.float32)}))

    queued = {"DynamicBatcher", "Instances"}
    assert witness.frames == [name for name in frames_of_the_page("ainfer") if name not in queued]


def test_a_plain_model_passes_only_what_every_model_needs(plugins: Any) -> None:
    plain = {"backend": "first", "backends": {"first": {}}}

    assert walk(plugins, plain) == ["Model", "TensorCheck", "OutageLog", "Meter", "ErrorBoundary", "Lazy"]


@pytest.mark.parametrize("key", ["record", "fallback", "canary", "shadow", "retry", "max_in_flight"])
def test_a_frame_that_a_key_does_not_ask_for_is_missed(plugins: Any, key: str) -> None:
    without = {name: value for name, value in EVERYTHING.items() if name != key}

    assert walk(plugins, without) != frames_of_the_page()


@pytest.mark.parametrize("asks", ["dynamic_batching", "instance_group"])
def test_a_queue_is_on_the_way_where_either_key_asks_for_it(plugins: Any, asks: str) -> None:
    group = [{"kind": "KIND_CPU"}] if asks == "instance_group" else []
    model = {"backend": "first", "backends": {"first": {"instance_group": group}}, "max_batch_size": 4}

    assert "DynamicBatcher" in walk(plugins, model | ({"dynamic_batching": {}} if asks == "dynamic_batching" else {}))


def test_every_middleware_is_on_the_page() -> None:
    sources = "".join(module.read_text() for module in Path(turnout.__file__).parent.glob("middleware/*.py"))
    classes = set(re.findall(r"^class (\w+)\((?:Middleware|ModelInference|TracedCalls)\)", sources, re.MULTILINE))

    assert classes - {"Middleware", "TracedCalls"} <= set(frames_of_the_page("ainfer", traced=True))
