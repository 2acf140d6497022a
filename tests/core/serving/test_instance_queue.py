"""Instances behind their queue, in an app: with batches and without."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import Backend, InferenceRequest, InferenceResponse, InstanceGroup, ModelInference, Options, Turnout
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

PLUGIN = "from turnout import hookimpl\nBACKENDS = []\n@hookimpl\ndef turnout_backends():\n    return BACKENDS\n"
BATCHING = {"max_batch_size": 8, "dynamic_batching": {}}


class GroupOptions(Options):
    instance_group: tuple[InstanceGroup, ...] = ()


def instances(options: GroupOptions) -> list[GroupOptions]:
    return [GroupOptions() for group in options.instance_group for _ in group.devices()]


class Observed(PlusOne):
    """Adds 1; keeps the sizes of its batches, and how many instances ran at once."""

    lock = threading.Lock()
    running = most = 0

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.error: Exception | None = None

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        with Observed.lock:
            Observed.running += 1
            Observed.most = max(Observed.most, Observed.running)
        try:
            self.sizes.append(len(request.inputs["x"]))
            if self.error is not None:
                raise self.error
            time.sleep(0.002)
            return super().infer(request)
        finally:
            with Observed.lock:
                Observed.running -= 1


@pytest.fixture
def open_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Turnout, list[Observed]]]]:
    """Return a function that opens an app over ``count`` instances; it returns the instances too."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "turnout_test_queue.py").write_text(PLUGIN)
    importlib.invalidate_caches()
    module: Any = importlib.import_module("turnout_test_queue")
    monkeypatch.setattr(Observed, "most", 0)
    opened: list[Observed] = []
    apps: list[Turnout] = []

    def create(declaration: Any, options: Any) -> ModelInference:
        opened.append(Observed())
        return opened[-1]

    def open_it(group: dict[str, Any] | None, **more: Any) -> tuple[Turnout, list[Observed]]:
        options = {} if group is None else {"instance_group": [group]}
        model = {"backend": "several", "backends": {"several": options, "one": {}}, **more}
        plugins = Plugins([EntryPoint("queue", "turnout_test_queue", "turnout")])
        apps.append(turnout.open({"models": {"m": model}}, plugins=plugins, metrics=Metrics()))
        return apps[-1], opened

    module.BACKENDS += [
        Backend("several", create, GroupOptions, instances=instances),
        Backend("one", lambda declaration, options: PlusOne(), GroupOptions),
    ]
    yield open_it
    for app in apps:
        app.close()
    del sys.modules["turnout_test_queue"]


def cpu(count: int) -> dict[str, Any]:
    return {"kind": "KIND_CPU", "count": count}


def ask(app: Turnout, value: float) -> bool:
    return app.model("m").infer({"x": np.full((1, 1), value, np.float32)})["x"].tolist() == [[value + 1]]


def ask_often(app: Turnout, count: int = 200, threads: int = 16) -> bool:
    with ThreadPoolExecutor(threads) as pool:
        return all(pool.map(lambda value: ask(app, value), range(count)))


def sample(app: Turnout, name: str) -> float | None:
    return app.metrics.registry.get_sample_value(name, {"model": "m", "backend": "several"})


@pytest.mark.parametrize("count", [1, 3])
def test_requests_queue_one_by_one_for_as_many_instances_as_there_are(open_app: Any, count: int) -> None:
    app, models = open_app(cpu(count))

    assert ask_often(app)
    assert Observed.most == count
    assert [set(model.sizes) for model in models] == [{1}] * count
    assert sample(app, "turnout_queue_duration_seconds_count") == 200
    assert sample(app, "turnout_executions_total") == 200


def test_each_instance_runs_batches_of_its_own(open_app: Any) -> None:
    app, models = open_app(cpu(2), **BATCHING)

    assert ask_often(app)
    assert Observed.most == 2
    assert max(size for model in models for size in model.sizes) > 1
    assert all(sum(model.sizes) > 20 for model in models)
    assert sample(app, "turnout_inference_rows_total") == 200


def test_without_a_group_nothing_queues(open_app: Any) -> None:
    app, models = open_app(None)

    assert ask_often(app)
    assert Observed.most > 3
    assert len(models) == 1
    assert sample(app, "turnout_queue_duration_seconds_count") is None


@pytest.mark.parametrize("more", [{}, BATCHING])
def test_a_broken_instance_is_noticed_by_no_caller_and_opens_no_circuit(open_app: Any, more: dict[str, Any]) -> None:
    app, models = open_app(cpu(3), circuit_breaker={"consecutive_failures": 1}, **more)
    assert ask(app, 1)
    models[1].error = RuntimeError("gone")

    assert ask_often(app)
    assert app.model("m").ready()
    assert len(models[1].sizes) <= 8


@pytest.mark.parametrize("more", [{}, BATCHING])
def test_many_coroutines_need_no_more_threads_than_instances(open_app: Any, more: dict[str, Any]) -> None:
    app, _ = open_app(cpu(2), **more)
    ask(app, 1)
    before = threading.active_count()

    async def ask_all() -> tuple[list[Any], int]:
        tasks = [asyncio.create_task(app.model("m").ainfer({"x": np.full((1, 1), value, np.float32)})) for value in range(500)]
        await asyncio.sleep(0.05)
        busy = threading.active_count()
        return [(await task)["x"].tolist() for task in tasks], busy

    answers, busy = asyncio.run(ask_all())

    assert answers == [[[value + 1]] for value in range(500)]
    assert busy - before <= 2
    assert Observed.most == 2


def test_a_fallback_answers_where_there_is_no_gpu(open_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    app, models = open_app({"kind": "KIND_GPU"}, fallback="one")

    assert ask_often(app, 20)
    assert not models
