"""Pipelines on backends that a caller chose."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference, Turnout
from turnout.errors import ClosedError, PipelineFailedError, UnknownNameError
from turnout.metrics import Metrics
from turnout.testing import PlusOne, Unavailable

FILE = """\
models:
  m: {{backend: a, fallback: b, backends: {{a: {{}}, b: {{}}, down: {{}}}}}}
  other: {{backend: a, backends: {{a: {{}}{more}}}}}
pipelines: {{all: [ask, ask_other]}}
"""


class PlusTen(ModelInference):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({name: array + 10 for name, array in request.inputs.items()}, request.id)


class Counting(PlusTen):
    """Notes each that is made and closed."""

    made: int = 0
    closed: int = 0

    def __init__(self) -> None:
        type(self).made += 1

    def close(self) -> None:
        type(self).closed += 1


OpenApp = Callable[..., Turnout]


@pytest.fixture
def open_app(plugins_with: Any, asks: Any, tmp_path: Path) -> Iterator[OpenApp]:
    apps: list[Turnout] = []

    def opened(b: Callable[[], ModelInference] = PlusTen) -> Turnout:
        backends = {"a": PlusOne, "b": b, "down": Unavailable}
        steps = {"ask": lambda: asks("m", 2), "ask_other": lambda: asks("other", 1, "others")}
        (tmp_path / "turnout.yaml").write_text(FILE.format(more=""), "utf-8")
        plugins = plugins_with(backends, steps)
        apps.append(turnout.open(tmp_path / "turnout.yaml", plugins=plugins, metrics=Metrics()))
        return apps[-1]

    yield opened
    for app in apps:
        app.close()


def _count(app: Turnout, name: str, **labels: str) -> float:
    return app.metrics.registry.get_sample_value(f"turnout_{name}", labels) or 0


def test_a_pipeline_runs_on_the_backend_that_its_caller_chose(open_app: OpenApp) -> None:
    app = open_app()

    there = app.pipeline("all", backends={"m": "b"})

    assert there.run({})["answers"] == [10, 11]
    assert asyncio.run(there.arun({}))["answers"] == [10, 11]
    assert app.run("all")["answers"] == [1, 2]
    assert there.run({})["others"] == [1], "a model that is not named must serve as before"


def test_without_backends_it_is_the_pipeline_that_serves(open_app: OpenApp) -> None:
    app = open_app()

    assert app.pipeline("all", backends={}) is app.pipeline("all")


def test_a_chosen_backend_that_fails_is_not_replaced_by_the_fallback(open_app: OpenApp) -> None:
    app = open_app()

    with pytest.raises(PipelineFailedError, match="step 'ask' got no answer"):
        app.pipeline("all", backends={"m": "down"}).run({})
    assert app.run("all")["answers"] == [1, 2]


def test_a_comparison_counts_as_requests_of_its_arm_and_not_as_a_run(open_app: OpenApp) -> None:
    app = open_app()

    app.pipeline("all", backends={"m": "b"}).run({})

    assert _count(app, "inference_requests_total", model="m", backend="b", outcome="ok") == 2
    assert _count(app, "pipeline_runs_total", pipeline="all", outcome="ok") == 0
    app.run("all")
    assert _count(app, "pipeline_runs_total", pipeline="all", outcome="ok") == 1


def test_the_chosen_backend_is_opened_once_and_shared_with_the_fallback(open_app: OpenApp) -> None:
    class Once(Counting):
        pass

    app = open_app(Once)

    for _ in range(3):
        app.pipeline("all", backends={"m": "b"}).run({})
    app.model("m").infer({"x": np.ones(1, np.float32)})

    assert (Once.made, Once.closed) == (1, 0)
    app.close()
    assert Once.closed == 1
    with pytest.raises(ClosedError):
        app.pipeline("all", backends={"m": "b"}).run({})


@pytest.mark.parametrize(
    ("name", "backends", "text"),
    [
        ("alll", {"m": "b"}, "unknown pipeline 'alll'"),
        ("all", {"n": "b"}, "unknown model 'n'; known: m, other"),
        ("all", {"m": "c"}, r"unknown backend 'c'; known: a, b, down.*for model 'm'\. In .*turnout\.yaml:2"),
        ("all", {"other": "b"}, "unknown backend 'b'; known: a.*for model 'other'"),
    ],
)
def test_a_name_that_is_not_there_is_refused_in_one_line(
    open_app: OpenApp, name: str, backends: dict[str, str], text: str
) -> None:
    app = open_app()

    with pytest.raises(UnknownNameError, match=text):
        app.pipeline(name, backends=backends)
    assert app.pipeline("all", backends={"m": "b"}).run({})["answers"] == [10, 11]


def test_the_backends_of_a_model_are_listed_with_the_one_that_serves_first(open_app: OpenApp) -> None:
    app = open_app()

    assert app.backends("m") == ("a", "b", "down")
    with pytest.raises(UnknownNameError, match="unknown model 'n'"):
        app.backends("n")


def test_a_backend_of_the_file_that_is_not_installed_is_missing_with_the_reason(open_app: OpenApp, tmp_path: Path) -> None:
    app = open_app()
    none = app.missing_backends("m")
    file = tmp_path / "turnout.yaml"
    file.write_text(file.read_text("utf-8").replace("backends: {", "backends: {direct: {}, ", 1), "utf-8")
    app.reload()

    missing = app.missing_backends("m")

    assert none == {}
    assert list(missing) == ["direct"]
    assert "unknown backend 'direct'" in missing["direct"]
    assert "It comes with turnout-direct" in missing["direct"]
    assert "direct" not in app.backends("m")
    with pytest.raises(UnknownNameError, match="unknown model 'n'"):
        app.missing_backends("n")


def test_a_reload_reaches_the_chosen_backends_too(open_app: OpenApp, tmp_path: Path) -> None:
    class Again(Counting):
        pass

    app = open_app(Again)
    there = app.pipeline("all", backends={"m": "b"})
    assert there.run({})["answers"] == [10, 11]

    file = tmp_path / "turnout.yaml"
    file.write_text(FILE.format(more=", b: {}").replace("fallback: b", "max_batch_size: 4"), "utf-8")
    app.reload()

    assert there.run({})["answers"] == [10, 11]
    assert app.pipeline("all", backends={"other": "b"}).run({})["others"] == [10]
    assert Again.made == 3, "the arm with the new max_batch_size, and the one of the other model"


def test_a_backend_that_a_reload_removed_is_refused_and_the_others_serve(open_app: OpenApp, tmp_path: Path) -> None:
    app = open_app()
    app.pipeline("all", backends={"m": "b"}).run({})

    file = tmp_path / "turnout.yaml"
    file.write_text("models:\n  m: {backend: a, backends: {a: {}}}\n  other: {backend: a, backends: {a: {}}}\n", "utf-8")
    app.reload()

    with pytest.raises(UnknownNameError, match="unknown backend 'b'; known: a"):
        app.pipeline("all", backends={"m": "b"})
    assert app.run("all")["answers"] == [1, 2]


def test_a_chosen_backend_works_in_a_forked_child(open_app: OpenApp) -> None:
    app = open_app()
    there = app.pipeline("all", backends={"m": "b"})
    there.run({})

    child = os.fork()
    if child == 0:
        os._exit(0 if there.run({})["answers"] == [10, 11] else 1)

    assert os.waitpid(child, 0)[1] == 0


def test_a_pipeline_opens_the_models_of_its_steps_before_the_first_run(open_app: OpenApp) -> None:
    class Early(Counting):
        pass

    app = open_app(Early)

    app.pipeline("all", backends={"m": "b"}).open()

    assert Early.made == 1
    app.close()
    with pytest.raises(ClosedError):
        app.pipeline("all").open()


def test_an_app_knows_its_settings_file(open_app: OpenApp, make_app: OpenApp, tmp_path: Path) -> None:
    assert open_app().file == tmp_path / "turnout.yaml"
    assert make_app().file is None
