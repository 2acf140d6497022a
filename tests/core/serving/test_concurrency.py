from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import turnout
from turnout import PipelineStep, Turnout
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.serving import concurrency
from turnout.testing import PlusOne


class Asks(PipelineStep):
    provides = ("y",)
    model = "plus"


class Reads(PipelineStep):
    provides = ("z",)

    def process(self, context: object) -> None:
        pass


@pytest.fixture
def app_of(plugins_with: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Turnout]]:
    """Return a function that opens an app with one model, of which ``batches`` says whether its backend merges requests."""
    monkeypatch.setattr(concurrency, "count_cores", lambda: 3)
    apps: list[Turnout] = []

    def make(*, batches: bool, largest: int, **more: Any) -> Turnout:
        plugins = plugins_with({"runs": PlusOne}, {"asks": Asks, "reads": Reads})
        (backend,) = plugins.backends()
        monkeypatch.setattr(plugins, "backend", lambda _: replace(backend, batches=batches))
        model = {"backend": "runs", "backends": {"runs": {}}, "max_batch_size": largest}
        file = {"models": {"plus": model}, "pipelines": {"all": ["reads", "asks"], "plain": ["reads"]}, **more}
        apps.append(turnout.open(file, plugins=plugins, metrics=Metrics()))
        return apps[-1]

    yield make
    for app in apps:
        app.close()


def test_models_in_this_process_get_a_run_for_each_core(app_of: Callable[..., Turnout]) -> None:
    assert app_of(batches=False, largest=8).runs_at_once("all") == 3


def test_a_server_that_merges_requests_gets_two_batches(app_of: Callable[..., Turnout]) -> None:
    app = app_of(batches=True, largest=8)

    assert (app.runs_at_once("all"), app.runs_at_once("plain")) == (16, 3)


@pytest.mark.parametrize(("largest", "runs"), [(0, 3), (1, 3), (512, 6)])
def test_there_are_no_more_runs_than_threads_and_no_fewer_than_cores(
    app_of: Callable[..., Turnout], largest: int, runs: int
) -> None:
    assert app_of(batches=True, largest=largest, executor_threads=6).runs_at_once("all") == runs


def test_one_core_gets_two_runs_because_a_server_or_a_gpu_works_meanwhile(
    app_of: Callable[..., Turnout], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(batches=False, largest=8)
    monkeypatch.setattr(concurrency, "count_cores", lambda: 1)

    assert app.runs_at_once("all") == 2


def test_the_cores_of_this_process_are_counted() -> None:
    assert concurrency.count_cores() >= 1


@pytest.mark.parametrize(
    ("more", "alone"),
    [
        ({}, True),
        ({"dynamic_batching": {}, "max_batch_size": 4}, True),
        ({"dynamic_batching": {"max_queue_delay_microseconds": 100}, "max_batch_size": 4}, False),
        ({"dynamic_batching": {"preserve_ordering": True}, "max_batch_size": 4}, False),
        ({"fallback": "other"}, False),
        ({"canary": {"backend": "other", "weight": 0.1}}, False),
        ({"shadow": {"backend": "other", "fraction": 0.1}}, False),
        ({"record": {"directory": "recordings"}}, False),
        ({"max_in_flight": 3}, True),
    ],
)
def test_a_model_waits_for_nothing_unless_its_keys_ask_for_it(
    plugins_with: Callable[..., Plugins], more: dict[str, Any], *, alone: bool
) -> None:
    model = {"backend": "runs", "backends": {"runs": {}, "other": {}}, **more}
    plugins = plugins_with({"runs": PlusOne, "other": PlusOne})

    with turnout.open({"models": {"plus": model}}, plugins=plugins, metrics=Metrics()) as app:
        assert app.waits_for_nothing("plus") is alone


def test_a_model_on_a_server_waits_for_it(plugins_with: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = plugins_with({"runs": PlusOne})
    (backend,) = plugins.backends()
    monkeypatch.setattr(plugins, "backend", lambda _: replace(backend, remote=True))

    with turnout.open(
        {"models": {"plus": {"backend": "runs", "backends": {"runs": {}}}}}, plugins=plugins, metrics=Metrics()
    ) as app:
        assert not app.waits_for_nothing("plus")
