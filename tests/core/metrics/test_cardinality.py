"""The number of series: decided by turnout.yaml, never by what callers send."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from prometheus_client import Counter

import turnout
from turnout import PipelineContext, PipelineStep, Turnout
from turnout.errors import InvalidInputError, TurnoutError
from turnout.metrics import Metrics
from turnout.testing import PlusOne

CALLS = 100_000
X = {"x": np.ones(1, np.float32)}
MODEL = {
    "backend": "a",
    "fallback": "b",
    "canary": {"backend": "b", "weight": 0.5, "key": "user"},
    "max_in_flight": 8,
    "max_batch_size": 4,
    "dynamic_batching": {},
    "inputs": {"x": "FP32[]"},
    "backends": {"a": {}, "b": {}},
}


class Crops(PipelineStep):
    """Refuses the keys of regions, as a user sent them."""

    inputs = ("regions",)
    provides = ("crops",)

    def __init__(self, seen: Callable[[str], object]) -> None:
        self._seen = seen

    def process(self, context: PipelineContext) -> None:
        for index, region in enumerate(context["regions"]):
            for key in region:
                self._seen(key)
                context.report(InvalidInputError(f"a region has no key {key!r}"), index)
        context["crops"] = []


@pytest.fixture
def open_app(plugins_with: Any) -> Iterator[Callable[..., Turnout]]:
    apps: list[Turnout] = []

    def opened(metrics: Metrics, seen: Callable[[str], object] = len) -> Turnout:
        plugins = plugins_with({"a": PlusOne, "b": PlusOne}, {"crops": lambda: Crops(seen)})
        settings = {"models": {"m": MODEL}, "pipelines": {"p": ["crops"]}}
        apps.append(turnout.open(settings, plugins=plugins, metrics=metrics))
        return apps[-1]

    # Each partial run is a line of the log.
    logging.disable(logging.WARNING)
    yield opened
    logging.disable(logging.NOTSET)
    for app in apps:
        app.close()


def _bad_calls(app: Turnout) -> tuple[Callable[[str], object], ...]:
    """Return calls that send a text of a user as a name, an id or a value, wherever there is one."""
    model = app.model("m")
    return (
        app.model,
        app.pipeline,
        lambda text: app.run(text, {}),
        lambda text: app.run("p", {text: 1}),
        lambda text: app.run("p", {"regions": [{text: 1}]}),
        lambda text: app.arm("m", text),
        lambda text: model.infer({text: X["x"]}),
        lambda text: model.infer({"x": text}),
        lambda text: model.infer(X, id=text),
        lambda text: model.infer(X, parameters={"user": text}),
        lambda text: model.infer(X, parameters={text: text}),
        lambda text: model.infer(X, parameters={text: None}),  # type: ignore[dict-item]  # a bad value
        lambda text: model.infer({text: X["x"]}, id=text, parameters={text: text}),
    )


def _send(calls: tuple[Callable[[str], object], ...], texts: range) -> None:
    for number in texts:
        with suppress(TurnoutError):
            calls[number % len(calls)](f"user_{number}")


def _series(metrics: Metrics) -> set[tuple[str, ...]]:
    """Return every series that a scrape has."""
    families = list(metrics.registry.collect())
    return {(sample.name, *sample.labels.values()) for family in families for sample in family.samples}


def _series_with_versions(metrics: Metrics) -> set[tuple[str, ...]]:
    """Return every series, once a thread of the app has written the versions of both backends."""
    end = time.monotonic() + 20
    while True:
        series = _series(metrics)
        if sum(name == "turnout_model_info" for name, *_ in series) == 2 or time.monotonic() > end:
            return series
        time.sleep(0.02)


def test_100_000_names_ids_and_parameters_of_callers_leave_the_series_as_they_were(open_app: Callable[..., Turnout]) -> None:
    metrics = Metrics()
    app = open_app(metrics)
    calls = _bad_calls(app)
    _send(calls, range(len(calls)))  # what the file names gets its series at its first use
    before = _series_with_versions(metrics)

    _send(calls, range(CALLS))

    assert _series(metrics) == before
    assert not any("user_" in value for series in before for value in series)
    assert app.model("m").infer(X)["x"].tolist() == [2]


def test_a_metric_with_a_text_of_callers_in_a_label_is_found(open_app: Callable[..., Turnout]) -> None:
    metrics = Metrics()
    planted = Counter("turnout_planted", "A mistake.", ("key",), registry=metrics.registry)
    calls = _bad_calls(open_app(metrics, lambda key: planted.labels(key).inc()))
    _send(calls, range(len(calls)))
    before = _series(metrics)

    _send(calls, range(10 * len(calls)))

    assert len(_series(metrics)) > len(before)
