"""Fixtures: plugins written to a file and really loaded, models that wait, an app over both."""

from __future__ import annotations

import importlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import (
    Backend,
    Exporter,
    InferenceRequest,
    InferenceResponse,
    ModelDeclaration,
    ModelInference,
    PipelineContext,
    PipelineStep,
    Repository,
    Step,
    StepDeclaration,
    Turnout,
)
from turnout.errors import TurnoutError
from turnout.metrics import Metrics
from turnout.metrics.labels import PipelineOutcome, StepFailureReason
from turnout.middleware.offload import Offload
from turnout.pipeline import Pipeline, plan_pipeline
from turnout.plugins.discovery import Plugins
from turnout.resilience.late_work import LateWork
from turnout.serving.deployment import Deployment
from turnout.serving.entry import open as open_app
from turnout.serving.executor import InferenceExecutor
from turnout.serving.model import Model
from turnout.testing import PlusOne

LIMIT_SECONDS = 20
"""How long a test waits for what must happen at once."""

_numbers = itertools.count()

LISTS = '''
"""A plugin whose declarations a test fills in."""

from turnout import hookimpl

BACKENDS, STEPS, EXPORTERS, REPOSITORIES, COMMANDS = [], [], [], [], []


@hookimpl
def turnout_backends():
    return BACKENDS


@hookimpl
def turnout_steps():
    return STEPS


@hookimpl
def turnout_exporters():
    return EXPORTERS


@hookimpl
def turnout_repositories():
    return REPOSITORIES


@hookimpl
def turnout_commands():
    return COMMANDS
'''


class NoOptions(turnout.Options):
    """The options of a backend or step that has none."""


class Gate(ModelInference):
    """Answers when ``opened`` is set; ``started`` is set when a request arrives. Gives up after ``LIMIT_SECONDS``."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.opened = threading.Event()
        self.calls = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.calls += 1
        self.started.set()
        assert self.opened.wait(LIMIT_SECONDS)
        return InferenceResponse(dict(request.inputs), request.id)


class Meeting(ModelInference):
    """Answers when ``parties`` requests are in flight at the same time; else every one of them fails."""

    def __init__(self, parties: int) -> None:
        self.barrier = threading.Barrier(parties, timeout=LIMIT_SECONDS)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.barrier.wait()
        return InferenceResponse(dict(request.inputs), request.id)


class Asks(PipelineStep):
    """Sends ``count`` numbered requests to ``model``; writes what came back, in order, or the errors as texts."""

    def __init__(self, model: str, count: int = 1, provides: str = "answers", **names: tuple[str, ...]) -> None:
        self.model = model
        self.provides = (provides,)
        self.inputs = names.get("inputs", ())
        self.optional_inputs = names.get("optional_inputs", ())
        self.needs = names.get("needs", ())
        self._count = count

    def preprocess(self, context: PipelineContext) -> list[InferenceRequest]:
        return [InferenceRequest({"x": np.array([index], np.float32)}, id=str(index)) for index in range(self._count)]

    def postprocess(self, context: PipelineContext, responses: Any) -> None:
        values: list[Any] = []
        for index, response in enumerate(responses):
            if response.error is not None:
                context.report(response.error, index)
            values.append(str(response.error) if response.error else float(response["x"][0]))
        context[self.provides[0]] = values


class Observed:
    """Records the calls of a pipeline's observer."""

    def __init__(self) -> None:
        self.runs: list[tuple[float, Mapping[str, Mapping[str, float]]]] = []
        self.outcomes: list[str] = []
        self.failures: list[tuple[str, str]] = []

    def count_run(self, outcome: PipelineOutcome) -> None:
        self.outcomes.append(outcome)

    def count_failure(self, step: str, reason: StepFailureReason) -> None:
        self.failures.append((step, str(reason)))

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        self.runs.append((seconds, timings))


@pytest.fixture
def limit_seconds() -> int:
    return LIMIT_SECONDS


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Return a model that answers when it is released; every wait ends with the test."""
    model = Gate()
    yield model
    model.opened.set()


@pytest.fixture
def meeting() -> type[Meeting]:
    return Meeting


@pytest.fixture
def asks() -> type[Asks]:
    return Asks


@pytest.fixture
def no_options() -> type[turnout.Options]:
    return NoOptions


@pytest.fixture
def load_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugins]:
    """Return a function that writes each source to a module of its own, then loads them by entry points."""
    folder = tmp_path / "plugin_modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def load(**sources: str) -> Plugins:
        entries = []
        for name, source in sources.items():
            module = f"turnout_test_{name}_{next(_numbers)}"
            (folder / f"{module}.py").write_text(source, "utf-8")
            entries.append(EntryPoint(name, module, "turnout"))
        importlib.invalidate_caches()
        return Plugins(entries)

    return load


@pytest.fixture
def plugins_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugins]:
    """Return a function that loads a plugin module which declares what the test gives it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def load(
        backends: Mapping[str, Callable[[], ModelInference]] | None = None,
        steps: Mapping[str, Callable[[], PipelineStep]] | None = None,
        exporters: Iterable[Exporter] = (),
        commands: Iterable[Any] = (),
        repositories: Iterable[Repository] = (),
    ) -> Plugins:
        name = f"turnout_test_lists_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(LISTS, "utf-8")
        importlib.invalidate_caches()
        module: Any = importlib.import_module(name)
        module.BACKENDS += [Backend(kind, _opens(create), NoOptions) for kind, create in (backends or {}).items()]
        module.STEPS += [Step(kind, _makes(create), NoOptions) for kind, create in (steps or {}).items()]
        module.EXPORTERS += exporters
        module.COMMANDS += commands
        module.REPOSITORIES += repositories
        return Plugins([EntryPoint("lists", name, "turnout")])

    return load


def _opens(create: Callable[[], ModelInference]) -> Callable[[ModelDeclaration, Any], ModelInference]:
    return lambda declaration, options: create()


def _makes(create: Callable[[], PipelineStep]) -> Callable[[StepDeclaration, Any], PipelineStep]:
    return lambda declaration, options: create()


@pytest.fixture
def make_app(plugins_with: Callable[..., Plugins]) -> Iterator[Callable[..., Turnout]]:
    """Return a function that opens an app over models and steps by name; the test's end closes it."""
    apps: list[Turnout] = []

    def make(
        models: Mapping[str, Callable[[], ModelInference]] | None = None,
        steps: Mapping[str, Callable[[], PipelineStep]] | None = None,
        **settings: Any,
    ) -> Turnout:
        models = {"plus": PlusOne} if models is None else models
        file: dict[str, Any] = {
            "models": {name: {"backend": f"{name}_backend", "backends": {f"{name}_backend": {}}} for name in models},
            "pipelines": {"all": list(steps)} if steps else {},
        }
        for name, more in settings.pop("more", {}).items():
            file["models"][name] |= more
        plugins = plugins_with({f"{name}_backend": create for name, create in models.items()}, steps)
        apps.append(open_app(file | settings, plugins=plugins, metrics=Metrics()))
        return apps[-1]

    yield make
    for app in apps:
        app.close()


@pytest.fixture
def executor() -> Iterator[InferenceExecutor]:
    made = InferenceExecutor(16)
    yield made
    made.close()


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
def make_pipeline(executor: InferenceExecutor, observed: Observed) -> Callable[..., Pipeline]:
    """Return a function that makes a pipeline called ``p`` of steps and models."""

    def make(steps: Mapping[str, PipelineStep], models: Mapping[str, ModelInference] | None = None) -> Pipeline:
        named = {
            name: Model(name, "test", partial(_deploy, model, executor), executor) for name, model in (models or {}).items()
        }
        return Pipeline("p", plan_pipeline("p", steps), named, submit=executor.submit, observer=observed)

    return make


def _deploy(model: ModelInference, executor: InferenceExecutor) -> Deployment:
    return Deployment(Offload(model, ("m", "test"), executor, LateWork(lambda: None), lambda: False))


@pytest.fixture
def text_of() -> Callable[[Callable[[], object]], str]:
    """Return a function that gives the one line of the Turnout error that a call raises."""

    def text(call: Callable[[], object]) -> str:
        with pytest.raises(TurnoutError) as caught:
            call()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return text
