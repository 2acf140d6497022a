"""Opening several instances of a model: all or none, each warmed up, from the same files."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import Backend, InferenceRequest, InferenceResponse, ModelDeclaration, ModelInference, Options, Turnout
from turnout.errors import ClosedError, MissingDependencyError, ModelLoadError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.serving.opening import count_instances
from turnout.settings import load_settings
from turnout.testing import PlusOne

LIMIT_SECONDS = 20
X = {"x": np.zeros(1, np.float32)}

PLUGIN = """
from turnout import hookimpl
BACKENDS = []
@hookimpl
def turnout_backends():
    return BACKENDS
"""


class Numbered(Options):
    """Options that ask for ``many`` instances; each has its ``number``."""

    many: int = 0
    number: int = 0


def numbered(options: Numbered) -> Sequence[Numbered]:
    return [options.model_copy(update={"many": 0, "number": number}) for number in range(options.many)]


class Farm:
    """Opens models, which it keeps; ``create`` may do something first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models: list[PlusOne] = []
        self.options: list[Numbered] = []
        self.before: Callable[[Numbered], object] = lambda options: None
        self.instances: Callable[[Any], Any] = numbered
        self.files: list[Path] = []
        self._plugins: Plugins | None = None

    def create(self, declaration: ModelDeclaration, options: Numbered) -> ModelInference:
        self.options.append(options)
        self.before(options)
        self.models.append(Counts())
        return self.models[-1]

    @property
    def plugins(self) -> Plugins:
        if self._plugins is None:
            (self.folder / "turnout_test_instances.py").write_text(PLUGIN)
            module: Any = importlib.import_module("turnout_test_instances")
            module.BACKENDS[:] = [
                Backend(
                    "many",
                    self.create,
                    Numbered,
                    instances=self.instances,
                    files=lambda declaration, options: self.files,
                ),
                Backend("plain", lambda declaration, options: PlusOne(), Numbered),
            ]
            self._plugins = Plugins([EntryPoint("instances", "turnout_test_instances", "turnout")])
        return self._plugins

    def settings(self, many: int, **more: Any) -> dict[str, Any]:
        return {"models": {"m": {"backend": "many", "backends": {"many": {"many": many}, "plain": {}}, **more}}}

    def open(self, many: int = 0, **more: Any) -> Turnout:
        return turnout.open(self.settings(many, **more), plugins=self.plugins, metrics=Metrics())


class Counts(PlusOne):
    """Adds 1; counts its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.requests += 1
        return super().infer(request)


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    importlib.invalidate_caches()
    yield Farm(tmp_path)
    sys.modules.pop("turnout_test_instances", None)


def ask(app: Turnout) -> float:
    return float(app.model("m").infer(X)["x"][0])


def test_without_instances_one_model_gets_its_options_and_every_request_at_once(farm: Farm) -> None:
    with farm.open() as app, ThreadPoolExecutor(4) as pool:
        meeting = threading.Barrier(4, timeout=LIMIT_SECONDS)
        ask(app)
        farm.models[0].infer = lambda request: (meeting.wait(), PlusOne().infer(request))[1]  # type: ignore[method-assign]

        assert list(pool.map(lambda _: ask(app), range(4))) == [1.0] * 4
    assert [options.number for options in farm.options] == [0]


def test_each_instance_is_opened_with_its_own_options_and_closed_with_the_app(farm: Farm) -> None:
    with farm.open(3) as app:
        assert [ask(app) for _ in range(6)] == [1.0] * 6
        assert sum(model.requests for model in farm.models) == 6
        assert app.model("m").ready()

    assert [options.number for options in farm.options] == [0, 1, 2]
    assert [model.ready() for model in farm.models] == [False] * 3


def test_the_log_says_how_many_instances_are_open(farm: Farm, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), farm.open(2) as app:
        ask(app)

    assert any("open on backend 'many' (2 instances) after" in record.message for record in caplog.records)


def test_if_one_instance_cannot_be_opened_all_are_closed_and_the_error_names_it(farm: Farm) -> None:
    def fail(options: Numbered) -> None:
        if options.number == 2:
            raise ModelLoadError("no memory left on GPU 2; write fewer")

    farm.before = fail
    with (
        farm.open(4) as app,
        pytest.raises(ModelLoadError, match="instance 3 of 4 failed, and the others are closed again: no memory left on GPU 2"),
    ):
        ask(app)

    assert [model.ready() for model in farm.models] == [False, False]


def test_an_error_of_the_first_instance_is_that_of_the_model(farm: Farm) -> None:
    def fail(options: Numbered) -> None:
        raise ModelLoadError("no such file; write it")

    farm.before = fail
    with farm.open(4) as app, pytest.raises(ModelLoadError, match=r"^no such file; write it$"):
        ask(app)

    assert len(farm.options) == 1


def test_an_error_of_another_class_keeps_it(farm: Farm) -> None:
    def fail(options: Numbered) -> None:
        if options.number:
            raise MissingDependencyError("install it")

    farm.before = fail
    with farm.open(2) as app, pytest.raises(MissingDependencyError, match="install it"):
        ask(app)

    assert [model.ready() for model in farm.models] == [False]


def test_a_later_call_opens_what_could_not_be_opened(farm: Farm) -> None:
    farm.before = lambda options: 1 / 0 if options.number == 1 and len(farm.options) < 3 else None
    with farm.open(2, fallback="plain") as app:
        ask(app)  # the fallback answers
        time.sleep(0.05)  # a failed attempt counts for the callers of the next 20 ms

        ask(app)

    assert [options.number for options in farm.options] == [0, 1, 0, 1]


def test_a_file_that_changes_between_two_instances_is_an_error(farm: Farm) -> None:
    file = farm.folder / "model.bin"
    file.write_text("old")
    farm.files = [file]
    farm.before = lambda options: file.write_text("newer") if options.number == 1 and len(farm.options) < 3 else None
    with farm.open(2) as app:
        with pytest.raises(ModelLoadError, match="its files changed while its instances were opened"):
            ask(app)
        time.sleep(0.05)

        assert ask(app) == 1

    assert [model.ready() for model in farm.models] == [False] * 4


def test_a_file_that_the_first_instance_downloads_is_no_change(farm: Farm) -> None:
    file = farm.folder / "model.bin"
    farm.files = [file]
    farm.before = lambda options: file.exists() or file.write_text("downloaded")

    with farm.open(2) as app:
        assert ask(app) == 1


def test_every_instance_is_warmed_up(farm: Farm) -> None:
    with farm.open(record={"directory": "recordings", "fraction": 1.0}) as app:
        ask(app)
    farm.models.clear()

    with farm.open(3, warmup={"recorded": "recordings/m"}) as app:
        app.model("m").open()

        assert [model.requests for model in farm.models] == [1, 1, 1]


def test_a_reload_opens_the_new_number_of_instances_and_closes_the_old_ones(farm: Farm) -> None:
    file = farm.folder / "turnout.yaml"
    text = "models: {m: {backend: many, backends: {many: {many: %d}}}}\n"
    file.write_text(text % 2)
    with turnout.open(file, plugins=farm.plugins, metrics=Metrics()) as app:
        ask(app)
        file.write_text(text % 3)

        app.reload()
        answers = [ask(app) for _ in range(3)]

        assert answers == [1.0] * 3
        until = time.monotonic() + LIMIT_SECONDS
        while farm.models[1].ready() and time.monotonic() < until:
            time.sleep(0.001)
        assert [model.ready() for model in farm.models] == [False, False, True, True, True]


def test_closing_the_app_ends_the_requests_that_wait_for_an_instance(farm: Farm) -> None:
    app = farm.open(1)
    ask(app)
    started, go = threading.Event(), threading.Event()

    def wait(request: InferenceRequest) -> InferenceResponse:
        started.set()
        assert go.wait(LIMIT_SECONDS)
        return PlusOne().infer(request)

    farm.models[0].infer = wait  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(ask, app)
        assert started.wait(LIMIT_SECONDS)
        waiting = pool.submit(ask, app)
        threading.Timer(0.1, app.close).start()

        assert isinstance(waiting.exception(LIMIT_SECONDS), ClosedError)
        go.set()
        assert running.result(LIMIT_SECONDS) == 1


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (3, "its plugin returned int, not the options of each instance; fix instances of the backend"),
        ([{}], "its plugin returned list, not the options of each instance"),
        (ZeroDivisionError("oh"), "its instances cannot be counted: ZeroDivisionError: oh"),
    ],
)
def test_a_plugin_that_cannot_say_its_instances_is_a_load_error(farm: Farm, found: Any, text: str) -> None:
    def instances(options: Numbered) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    farm.instances = instances
    with farm.open(1) as app, pytest.raises(ModelLoadError, match=text):
        ask(app)


@pytest.mark.parametrize(("backend", "many", "count"), [("many", 0, None), ("many", 2, 2), ("plain", 2, None)])
def test_instances_are_counted_without_opening_one(farm: Farm, backend: str, many: int, count: int | None) -> None:
    model = load_settings(farm.settings(many), registry=farm.plugins).model("m")

    assert count_instances(farm.plugins, model, backend) == count
    assert not farm.options


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_opens_its_own_instances(farm: Farm) -> None:
    with farm.open(2) as app:
        ask(app)
        readable, writable = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(writable, "w") as pipe:
                pipe.write(f"{ask(app)} {len(farm.models)}")
                pipe.flush()
                os._exit(0)
        os.close(writable)
        with os.fdopen(readable) as pipe:
            assert pipe.read() == "1.0 4"
        os.waitpid(child, 0)
