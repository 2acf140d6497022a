"""``dynamic_batching`` of an app: which arms merge requests, and what reloads and metrics make of it."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import InvalidTensorError, TurnoutError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

CALLERS = 16
MODEL = {"max_batch_size": 8, "dynamic_batching": {}, "inputs": {"x": "FP32[2]"}}


class Watched(PlusOne):
    """A PlusOne as slow as a small model on an accelerator, which keeps the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.sizes.append(len(request.inputs["x"]))
        time.sleep(0.002)
        return super().infer(request)


def ask_often(model: ModelInference, turns: int = 30) -> Counter[str]:
    """Return what became of the requests of ``CALLERS`` threads."""

    def ask(caller: int) -> Counter[str]:
        mine: Counter[str] = Counter()
        for turn in range(turns):
            value = caller * 1000.0 + turn
            try:
                found = model.infer({"x": np.full((1, 2), value, np.float32)})["x"].tolist()  # type: ignore[arg-type]
            except TurnoutError:
                mine["lost"] += 1
            else:
                mine["right" if found == [[value + 1] * 2] else "wrong"] += 1
        return mine

    with ThreadPoolExecutor(CALLERS) as threads:
        return sum(threads.map(ask, range(CALLERS)), Counter[str]())


def test_requests_of_threads_are_merged(plugins_with: Any) -> None:
    engine = Watched()
    settings = {"models": {"m": {"backend": "a", "backends": {"a": {}}, **MODEL}}}

    with turnout.open(settings, plugins=plugins_with({"a": lambda: engine}), metrics=Metrics()) as app:
        assert ask_often(app.model("m")) == {"right": CALLERS * 30}

        requests = app.metrics.registry.get_sample_value(
            "turnout_inference_requests_total", {"model": "m", "backend": "a", "outcome": "ok"}
        )
        executions = app.metrics.registry.get_sample_value("turnout_executions_total", {"model": "m", "backend": "a"})
    assert requests == CALLERS * 30
    assert executions == len(engine.sizes) < requests / 2
    assert max(engine.sizes) <= 8


def test_a_bad_request_does_not_reach_the_batch_of_others(plugins_with: Any) -> None:
    engine = Watched()
    settings = {"models": {"m": {"backend": "a", "backends": {"a": {}}, **MODEL}}}

    with turnout.open(settings, plugins=plugins_with({"a": lambda: engine}), metrics=Metrics()) as app:
        with pytest.raises(InvalidTensorError):
            app.model("m").infer({"x": np.ones((1, 3), np.float32)})

        assert app.model("m").infer({"x": np.ones((1, 2), np.float32)})["x"].tolist() == [[2, 2]]


PLUGIN = """
from turnout import Backend, Options, hookimpl

CREATE = {}

@hookimpl
def turnout_backends():
    return [Backend("merging", lambda model, options: CREATE["merging"](), Options, batches=True)]
"""


def test_a_backend_that_merges_requests_itself_gets_each_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "turnout_test_merging.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    engine = Watched()
    plugins = Plugins([EntryPoint("merging", "turnout_test_merging", "turnout")])
    settings = {"models": {"m": {"backend": "merging", "backends": {"merging": {}}, **MODEL}}}
    import turnout_test_merging  # type: ignore[import-not-found]

    turnout_test_merging.CREATE["merging"] = lambda: engine

    with turnout.open(settings, plugins=plugins, metrics=Metrics()) as app:
        assert ask_often(app.model("m"), turns=3) == {"right": CALLERS * 3}

        assert app.metrics.registry.get_sample_value("turnout_executions_total", {"model": "m", "backend": "merging"}) is None
    assert engine.sizes == [1] * CALLERS * 3


def test_reloads_that_change_the_batching_lose_no_request(tmp_path: Path, plugins_with: Any) -> None:
    file = tmp_path / "turnout.yaml"
    model = "models:\n  m:\n    backend: a\n    max_batch_size: 8\n    backends: {a: {}}\n"
    key = "    dynamic_batching: "
    variants = itertools.cycle([f"{key}{{}}", f"{key}{{preferred_batch_size: [4]}}", f"{key}{{preserve_ordering: true}}", ""])
    file.write_text(model + next(variants))
    done = threading.Event()

    def reload_often(app: turnout.Turnout) -> int:
        count = 0
        while not done.is_set():
            file.write_text(model + next(variants))
            app.reload()
            count += 1
        return count

    plugins = plugins_with({"a": Watched})
    with turnout.open(file, plugins=plugins, metrics=Metrics()) as app, ThreadPoolExecutor(1) as reloading:
        reloads = reloading.submit(reload_often, app)
        try:
            outcomes = ask_often(app.model("m"), turns=60)
        finally:
            done.set()
        depth = app.metrics.registry.get_sample_value("turnout_queue_depth", {"model": "m", "backend": "a"})

    assert outcomes == {"right": CALLERS * 60}
    assert reloads.result() > 4
    assert depth == 0
