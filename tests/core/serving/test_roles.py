"""The roles of backends and the reloads of an app, as its metrics report them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import turnout
from turnout import Turnout
from turnout.errors import ClosedError, SettingsError, TurnoutError
from turnout.files.watch import FileWatch
from turnout.metrics import Metrics
from turnout.metrics.process_files import VARIABLE
from turnout.testing import PlusOne

FILE = """\
models:
  m:
    backend: a
    fallback: b
    shadow: {backend: b, fraction: 0.5}
    canary: {backend: b, weight: 0.25}
    backends: {a: {}, b: {}, c: {}}
  n: {backend: b, fallback: b, backends: {a: {}, b: {}}}
"""
MOVED = """\
models:
  m: {backend: b, canary: {backend: c, weight: 0.0}, backends: {a: {}, b: {}, c: {}}}
  n: {backend: b, backends: {a: {}, b: {}}}
"""
SUCCESS = "turnout_settings_reload_success"


def _cannot_open() -> PlusOne:
    raise turnout.errors.BackendUnavailableError("no server")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_text(FILE)
    return file


@pytest.fixture
def open_app(file: Path, plugins_with: Any) -> Iterator[Callable[[Metrics], Turnout]]:
    apps: list[Turnout] = []
    plugins = plugins_with({"a": PlusOne, "b": PlusOne, "c": PlusOne, "d": _cannot_open})

    def opened(metrics: Metrics) -> Turnout:
        apps.append(turnout.open(file, plugins=plugins, metrics=metrics))
        return apps[-1]

    yield opened
    for app in apps:
        app.close()


def _roles(text: str) -> set[str]:
    """Return what has a role in a scrape: ``model:role=backend``."""
    found = re.findall(r'turnout_serving\{backend="(\w+)",model="(\w+)",role="(\w+)"\} 1\.0', text)
    return {f"{model}:{role}={backend}" for backend, model, role in found}


def _weights(text: str) -> dict[str, float]:
    found = re.findall(r'turnout_canary_weight\{backend="(\w+)",model="(\w+)"\} ([\d.]+)', text)
    return {f"{model}:{backend}": float(value) for backend, model, value in found}


def _value(text: str, name: str) -> float:
    [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


ROLES = {"m:serves=a", "m:canary=b", "m:shadow=b", "m:fallback=b", "n:serves=b"}
MOVED_ROLES = {"m:serves=b", "m:canary=c", "n:serves=b"}


def test_the_roles_of_the_file_are_reported_before_any_model_is_opened(open_app: Callable[[Metrics], Turnout]) -> None:
    text = open_app(Metrics()).metrics_text()

    assert _roles(text) == ROLES
    assert _weights(text) == {"m:a": 0, "m:b": 0.25, "m:c": 0, "n:a": 0, "n:b": 0}
    assert _value(text, SUCCESS) == 1


@pytest.mark.parametrize("used", [True, False])
def test_a_reload_moves_the_roles_and_a_close_ends_them(open_app: Callable[[Metrics], Turnout], file: Path, used: bool) -> None:
    app = open_app(Metrics())
    if used:
        app.model("m").signature()
    file.write_text(MOVED)

    app.reload()

    assert _roles(app.metrics_text()) == MOVED_ROLES
    assert set(_weights(app.metrics_text()).values()) == {0}
    app.close()
    assert _roles(app.metrics_text()) == set()
    assert "turnout_serving{" in app.metrics_text()


def test_a_model_that_cannot_be_opened_by_the_new_settings_keeps_its_roles(
    open_app: Callable[[Metrics], Turnout], file: Path
) -> None:
    app = open_app(Metrics())
    app.model("m").signature()
    opened = _value(app.metrics_text(), f"{SUCCESS}_timestamp_seconds")
    file.write_text(FILE.replace("backend: a\n", "backend: d\n").replace("c: {}", "d: {}").replace("fallback: b\n    ", ""))

    with pytest.raises(TurnoutError, match="no server"):
        app.reload()
    failed = app.metrics_text()
    file.write_text(FILE)
    app.reload()

    assert _roles(failed) == ROLES
    assert (_value(failed, SUCCESS), _value(failed, f"{SUCCESS}_timestamp_seconds")) == (0, opened)
    assert _value(app.metrics_text(), SUCCESS) == 1
    assert _value(app.metrics_text(), f"{SUCCESS}_timestamp_seconds") > opened


def test_a_wrong_file_is_a_failed_reload_until_it_is_fixed_or_the_app_closes(
    open_app: Callable[[Metrics], Turnout], file: Path
) -> None:
    app = open_app(Metrics())
    file.write_text(FILE.replace("backend: a\n", "bakend: a\n"))

    with pytest.raises(SettingsError):
        app.reload()
    failed = app.metrics_text()
    app.close()
    file.write_text(MOVED)
    with pytest.raises(ClosedError):
        app.reload()

    assert (_value(failed, SUCCESS), _roles(failed)) == (0, ROLES)
    assert _value(app.metrics_text(), SUCCESS) == 1


def test_the_failed_reload_of_a_watch_counts(
    open_app: Callable[[Metrics], Turnout], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(Metrics())
    watches: list[FileWatch] = []
    monkeypatch.setattr(FileWatch, "_start", lambda watch: watches.append(watch))  # noqa: PLW0108  # a method, bound to its watch
    monkeypatch.setattr(FileWatch, "close", lambda watch: None)
    app.watch()
    file.write_text("models: 3\n")

    watches[0].poll()
    failed = _value(app.metrics_text(), SUCCESS)
    file.write_text(MOVED)
    watches[0].poll()

    assert (failed, _value(app.metrics_text(), SUCCESS)) == (0, 1)
    assert _roles(app.metrics_text()) == MOVED_ROLES


def test_two_apps_that_share_metrics_each_keep_their_roles(open_app: Callable[[Metrics], Turnout], file: Path) -> None:
    metrics = Metrics()
    first = open_app(metrics)
    file.write_text(MOVED)
    second = open_app(metrics)

    both = _roles(metrics.render())
    first.close()

    assert both == ROLES | MOVED_ROLES
    assert _roles(metrics.render()) == MOVED_ROLES
    second.close()
    assert _roles(metrics.render()) == set()


FORKS = """
import os, sys
from importlib.metadata import EntryPoint
from pathlib import Path
from prometheus_client.multiprocess import mark_process_dead
import turnout
from turnout.metrics import render
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

@turnout.hookimpl
def turnout_backends():
    return [turnout.Backend(name, lambda *_: PlusOne(), turnout.Options) for name in "abc"]

file, moved = Path(sys.argv[1]), sys.argv[2]
app = turnout.open(file, plugins=Plugins([EntryPoint("forks", "__main__", "turnout")]))
parent = os.getpid()

def show(name):
    print(name + " " + render().replace(chr(10), ";"), flush=True)

def in_child(work):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            app.metrics.requests("m", "a").refused["overloaded"]()
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    mark_process_dead(child) if "PROMETHEUS_MULTIPROC_DIR" in os.environ else None

def fail():
    file.write_text("models: 3")
    try:
        app.reload()
    except turnout.errors.SettingsError:
        show("failed")

def reload():
    file.write_text(moved)
    app.reload()
    show("reloaded")
    app.close()
    show("closed")

def survive():
    os.environ.get("PROMETHEUS_MULTIPROC_DIR") and mark_process_dead(parent)
    show("alone")

show("opened")
in_child(fail)
in_child(reload)
show("parent")
in_child(survive)
"""


def _forked(file: Path, folder: Path | None) -> dict[str, str]:
    """Return the scrapes of a process that forks, by name; ``folder`` is that of the multi-process mode."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if folder is not None:
        folder.mkdir()
        environment[VARIABLE] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(file), MOVED],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: text.replace(";", "\n") for name, _, text in (line.partition(" ") for line in done.stdout.splitlines())}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_reports_its_own_roles_and_its_parent_keeps_its_own(file: Path) -> None:
    scrapes = _forked(file, None)

    assert {name: _roles(text) for name, text in scrapes.items()} == {
        "opened": ROLES,
        "failed": ROLES,
        "reloaded": MOVED_ROLES,
        "closed": set(),
        "parent": ROLES,
        "alone": ROLES,
    }
    assert {name: _value(text, SUCCESS) for name, text in scrapes.items()} == dict.fromkeys(scrapes, 1) | {"failed": 0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_several_processes_report_what_any_of_them_serves_and_fail_if_one_fails(file: Path, tmp_path: Path) -> None:
    scrapes = _forked(file, tmp_path / "metrics")

    assert {name: _roles(text) for name, text in scrapes.items()} == {
        "opened": ROLES,
        "failed": ROLES,
        "reloaded": ROLES | MOVED_ROLES,
        "closed": ROLES,
        "parent": ROLES,
        "alone": ROLES,
    }
    assert {name: _value(text, SUCCESS) for name, text in scrapes.items()} == dict.fromkeys(scrapes, 1) | {"failed": 0}
    assert _weights(scrapes["alone"])["m:b"] == 0.25
    assert re.search(r"turnout_build_info\{.*\} 1\.0", scrapes["alone"])
    times = [_value(text, f"{SUCCESS}_timestamp_seconds") for text in scrapes.values()]
    assert times[0] > 0
    assert times[2] > times[0]


def test_an_app_that_cannot_be_opened_leaves_no_role(open_app: Callable[[Metrics], Turnout], file: Path) -> None:
    metrics = Metrics()
    file.write_text("models:\n  m: {backend: d, preload: true, backends: {d: {}}}\n")

    with pytest.raises(TurnoutError, match="no server"):
        open_app(metrics)

    assert 'turnout_serving{backend="d",model="m",role="serves"} 0.0' in metrics.render()
