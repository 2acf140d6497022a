"""Reading turnout.yaml again while requests are in flight."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import BackendUnavailableError, ClosedError, ConfigurationError, SettingsError, TurnoutError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.rollout.shadow import read_shadow_evidence
from turnout.serving.deployment import Deployment
from turnout.serving.entry import open as open_app
from turnout.serving.reload import Reloader
from turnout.settings import load_settings, switch_backend
from turnout.settings.edit.weight import switch_weight
from turnout.testing import PlusOne

FILE = """\
models:
  m:
    backend: a  # the one line
    backends: {a: {}, b: {}}
  other: {backend: a, backends: {a: {}}}
pipelines: {}
"""
X = np.ones(2, np.float32)


class Counted(PlusOne):
    """A PlusOne that notices being closed beneath a request, and keeps all of its kind in ``made``."""

    def __init__(self, made: list[Counted]) -> None:
        super().__init__()
        self._made = made
        made.append(self)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        answer = super().infer(request)
        time.sleep(0.0005)  # as long as a small model on an accelerator
        if not self.ready():
            raise ClosedError("closed beneath a request")
        return answer


class Down(PlusOne):
    """Cannot be opened."""

    def signature(self) -> ModelSignature:
        raise BackendUnavailableError("down")


class App:
    """An app over a file, with the parts of it that these tests look at."""

    def __init__(self, file: Path, plugins: Plugins) -> None:
        self.file = file
        self.app = open_app(file, plugins=plugins, metrics=Metrics())
        self.models, self.reload, self.watch, self.close = self.app.models, self.app.reload, self.app.watch, self.app.close

    def ask(self, model: str = "m", value: float = 1.0) -> list[float]:
        answer: list[float] = self.models[model].infer({"x": np.full(2, value, np.float32)})["x"].tolist()
        return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_text(FILE)
    return file


@pytest.fixture
def make(file: Path, plugins_with: Any) -> Iterator[Callable[..., App]]:
    """Return a function that makes an app over backends by name."""
    made: list[App] = []

    def make_app(**backends: Callable[[], ModelInference]) -> App:
        made.append(App(file, plugins_with({"a": PlusOne, "b": PlusOne, **backends})))
        return made[-1]

    yield make_app
    for app in made:
        app.close()


def _switch(app: App, count: int) -> None:
    switch_backend(app.file, "m", "ba"[count % 2])


def _ask_while_reloading(
    app: App, requests: int, reloads: int, switch_file: Callable[[App, int], object] = _switch
) -> Counter[str]:
    """Return what became of ``requests`` or more from 8 threads, while the file switches ``reloads`` times or more."""
    numbers, switched, done = itertools.count(), threading.Event(), threading.Event()

    def ask(_: int) -> Counter[str]:
        mine: Counter[str] = Counter()
        while (number := next(numbers)) < requests or not switched.is_set():
            try:
                mine["right" if app.ask(value=number % 1000) == [number % 1000 + 1] * 2 else "wrong"] += 1
            except TurnoutError:
                mine["lost"] += 1
        done.set()
        return mine

    def switch() -> int:
        for count in itertools.count(1):
            switch_file(app, count)
            app.reload()
            if count == reloads:
                switched.set()
            if count >= reloads and done.is_set():
                return count
        return 0

    with ThreadPoolExecutor(9) as threads:
        switching = threads.submit(switch)
        try:
            outcomes = sum(threads.map(ask, range(8)), Counter[str]())
        finally:
            done.set()
            switched.set()
        outcomes["reloads"] = switching.result()
    return outcomes


def test_200_reloads_during_20_000_requests_lose_nothing(make: Callable[..., App]) -> None:
    made: list[Counted] = []
    app = make(a=lambda: Counted(made), b=lambda: Counted(made))

    outcomes = _ask_while_reloading(app, 20_000, 200)

    assert (outcomes["wrong"], outcomes["lost"]) == (0, 0)
    assert outcomes["right"] >= 20_000
    assert outcomes["reloads"] >= 200
    app.close()
    assert len(made) >= 100
    assert [arm.ready() for arm in made] == [False] * len(made)


def test_a_lost_request_is_caught(make: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> None:
    # The planted fault: it waits for no call.
    monkeypatch.setattr(Deployment, "check_drained", lambda self: self.on_drained and self.on_drained(self))
    app = make(a=lambda: Counted([]), b=lambda: Counted([]))

    assert _ask_while_reloading(app, 1000, 20)["lost"] > 0


def test_quick_reloads_with_a_recording_leave_no_thread_and_no_part(make: Callable[..., App], file: Path) -> None:
    record = "    record: {fraction: 1.0, max_requests: 100000}\n"
    file.write_text(FILE.replace("    backends: {a: {}, b: {}}\n", f"{record}    backends: {{a: {{}}, b: {{}}}}\n"))
    app, most = make(), 0
    for count in range(100):
        for _ in range(20):
            app.ask()
        _switch(app, count + 1)
        app.reload()
        most = max(most, sum(thread.name.startswith(("turnout-record", "turnout-retire")) for thread in threading.enumerate()))

    start = time.monotonic()
    app.close()

    assert most <= 5
    assert time.monotonic() - start < 12
    folder = file.parent / "recordings" / "m"
    assert list(folder.glob(".*.part")) == []
    values = app.app.metrics.registry.get_sample_value
    counted = [
        values("turnout_recorded_requests_total", {"model": "m", "outcome": each}) or 0 for each in ("recorded", "dropped")
    ]
    assert sum(counted) == 2000
    assert counted[0] == len(list(folder.glob("*.npz"))) > 0


def test_weights_that_change_under_load_lose_nothing_and_everything_is_counted(make: Callable[..., App], file: Path) -> None:
    beside = "    canary: {backend: b, weight: 0.5}\n    shadow: {backend: c, fraction: 1.0, queue_size: 4}\n"
    file.write_text(FILE.replace("    backends: {a: {}, b: {}}\n", f"{beside}    backends: {{a: {{}}, b: {{}}, c: {{}}}}\n"))
    made: list[Counted] = []
    app = make(a=lambda: Counted(made), b=PlusOne, c=PlusOne)

    outcomes = _ask_while_reloading(app, 4000, 40, lambda app, count: switch_weight(app.file, "m", "b", count % 10 / 10))
    app.close()

    assert (outcomes["wrong"], outcomes["lost"]) == (0, 0)
    values = app.app.metrics.registry.get_sample_value
    name = "turnout_inference_requests_total"
    primary, canary = (values(name, {"model": "m", "backend": arm, "outcome": "ok"}) or 0 for arm in "ab")
    assert primary + canary == outcomes["right"]
    assert min(primary, canary) > 0
    verdicts = {
        verdict: values("turnout_shadow_comparisons_total", {"model": "m", "backend": "a", "shadow": "c", "verdict": verdict})
        for verdict in ("match", "mismatch", "error", "dropped")
    }
    assert sum(value or 0 for value in verdicts.values()) == primary
    assert (verdicts["mismatch"], verdicts["error"]) == (0, 0)
    evidence = read_shadow_evidence(file.parent / ".turnout" / "m.shadow.json")
    assert evidence is not None
    assert evidence.verdicts == verdicts
    assert len(made) == 1  # no weight opened the primary again


def test_what_the_file_says_of_a_model_serves_from_the_next_request_on(make: Callable[..., App], file: Path) -> None:
    made: list[Counted] = []
    app = make(b=lambda: Counted(made))
    app.ask()
    switch_backend(file, "m", "b")

    reloaded = app.reload()

    assert (reloaded.changed, reloaded.restart, app.models["m"].backend) == (("m",), (), "b")
    assert len(made) == 1  # opened before it served
    assert app.ask() == [2, 2]
    assert app.app._reloader.model("m").backend == "b"


def test_a_file_that_says_the_same_changes_nothing(make: Callable[..., App], file: Path) -> None:
    made: list[Counted] = []
    app = make(a=lambda: Counted(made))
    app.ask()
    file.write_text(FILE.replace("# the one line", "# another comment"))

    assert app.reload().changed == ()
    assert app.ask() == [2, 2]
    assert len(made) == 1


@pytest.mark.parametrize(
    "more", ["preload: true", "fallback: b", "max_in_flight: 5", "circuit_breaker: {}", "canary: {backend: b, weight: 0.0}"]
)
def test_an_arm_that_stays_as_it_is_is_not_opened_again(make: Callable[..., App], file: Path, more: str) -> None:
    made: list[Counted] = []
    app = make(a=lambda: Counted(made))
    app.ask()
    file.write_text(FILE.replace("  # the one line", f"\n    {more}"))

    assert app.reload().changed == ("m",)
    assert app.ask() == [2, 2]
    assert [arm.ready() for arm in made] == [True]


@pytest.mark.parametrize("broken", ["models: {m: {bakend: a}}", "models: [", "", FILE.replace("backend: a ", "backend: c ")])
def test_a_broken_file_keeps_what_serves(make: Callable[..., App], file: Path, broken: str) -> None:
    app = make()
    app.ask()
    file.write_text(broken)

    with pytest.raises(SettingsError):
        app.reload()

    assert (app.ask(), app.models["m"].backend) == ([2, 2], "a")
    switch = FILE.replace("backend: a ", "backend: b ")
    file.write_text(switch)
    assert app.reload().changed == ("m",)


def test_a_backend_that_is_down_does_not_take_over_and_the_others_change(make: Callable[..., App], file: Path) -> None:
    app = make(b=Down)
    app.ask()
    file.write_text(FILE.replace("backend: a ", "backend: b ").replace("other: {", "other: {preload: true, "))

    with pytest.raises(BackendUnavailableError):
        app.reload()

    assert (app.ask(), app.models["m"].backend) == ([2, 2], "a")
    assert app.app._reloader.model("other").settings.preload
    assert app.app._reloader.model("m").backend != "b"


def test_changes_that_need_a_restart_are_logged_once(
    make: Callable[..., App], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make()
    file.write_text(FILE.replace("  other:", "  new:") + "executor_threads: 7\n")

    reloaded = [app.reload() for _ in range(2)]

    assert [one.restart for one in reloaded] == [("executor_threads", "models.new", "models.other")] * 2
    assert caplog.text.count("changes that need a restart: executor_threads, models.new, models.other") == 1
    assert app.ask("other") == [2, 2]


def test_the_app_of_a_dict_cannot_be_read_again(plugins_with: Any) -> None:
    loaded = load_settings({"models": {}}, registry=plugins_with({}))
    reloader = Reloader(loaded, lambda _: loaded, lambda *_: None, meter=Metrics().settings.meter())

    for call in (reloader.reload, reloader.watch):
        with pytest.raises(ConfigurationError, match="open the app with a file"):
            call()
    reloader.close()


def test_a_watched_file_is_read_again_by_itself(
    make: Callable[..., App], file: Path, limit_seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, changed = make(), threading.Event()
    app.ask()
    replace = app.models["m"].replace

    def replaced(*arguments: Any, **keywords: Any) -> None:
        replace(*arguments, **keywords)
        changed.set()

    app.models["m"].replace = replaced  # type: ignore[method-assign]
    monkeypatch.setattr("turnout.serving.reload.INTERVAL_SECONDS", 0.01)
    app.watch()
    app.watch()
    switch_backend(file, "m", "b")
    assert changed.wait(limit_seconds)

    assert app.ask() == [2, 2]
    assert app.models["m"].backend == "b"
    assert [thread.name for thread in threading.enumerate()].count("turnout-watch") == 1
    app.close()
    assert "turnout-watch" not in [thread.name for thread in threading.enumerate()]


def test_a_child_that_was_forked_during_a_reload_can_reload(make: Callable[..., App]) -> None:
    started, released = threading.Event(), threading.Event()

    class OpensSlowly(PlusOne):
        def __init__(self) -> None:
            super().__init__()
            started.set()
            released.wait(20)

    app = make(b=OpensSlowly)
    app.ask()
    switch_backend(app.file, "m", "b")
    with ThreadPoolExecutor(1) as threads:
        reloading = threads.submit(app.reload)
        assert started.wait(20)

        child = os.fork()
        if child == 0:
            signal.alarm(10)
            released.set()
            app.reload()
            os._exit(0 if app.models["m"].backend == "b" and app.ask() == [2.0, 2.0] else 1)
        released.set()

        assert os.waitpid(child, 0)[1] == 0
        assert reloading.result(20).changed == ("m",)


def test_a_circuit_that_a_reload_removes_is_not_open(make: Callable[..., App], file: Path) -> None:
    class Failing(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise BackendUnavailableError("down")

    file.write_text(FILE.replace("b: {}}", "b: {}}\n    circuit_breaker: {consecutive_failures: 1}"))
    app = make(a=Failing)
    labels = {"model": "m", "backend": "a"}

    with pytest.raises(BackendUnavailableError):
        app.ask()
    before = app.app.metrics.registry.get_sample_value("turnout_circuit_open", labels)
    file.write_text(FILE)
    app.reload()
    app.close()

    assert (before, app.app.metrics.registry.get_sample_value("turnout_circuit_open", labels)) == (1, 0)


def test_the_log_of_a_reload_says_who_gets_requests_now(
    make: Callable[..., App], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make()
    caplog.set_level("INFO", "turnout.serving.reload")

    switch_weight(file, "m", "b", 0.3)
    app.reload()
    switch_backend(file, "m", "b")
    app.reload()

    shared, whole = (line.partition("; ")[2] for line in caplog.messages)
    assert (shared, whole) == ("backend 'a' serves, 'b' gets 0.3 of the requests", "backend 'b' serves")
