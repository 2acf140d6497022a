"""Switches that are recorded, and undone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.commands.switch.command import SwitchReport, SwitchRequest, switch_file
from turnout.errors import ConfigurationError
from turnout.serving.entry import open as open_app
from turnout.testing import PlusOne

FILE = """\
# of all
models:
  m:
    # about the model
    backend: a  # the one line
    shadow: {backend: b, fraction: 0.5}
    fallback: a
    backends: {a: , b: }
  other: {backend: a, backends: {a: , b: }}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_text(FILE)
    return file


class Named(PlusOne):
    """Answers with a number of its own."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self._number = number

    def infer(self, request: Any) -> Any:
        answer = super().infer(request)
        answer["x"][...] = self._number
        return answer


@pytest.fixture
def switch(file: Path, plugins_with: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that switches the model, or with no backend undoes the last switch."""
    plugins = plugins_with({"a": lambda: Named(1), "b": lambda: Named(2)})
    monkeypatch.setattr("turnout.commands.switch.command.find_plugins", lambda: plugins)

    def run(backend: str | None, weight: float | None = None, *, model: str = "m", **more: Any) -> SwitchReport:
        return switch_file(file, SwitchRequest(model, backend, weight, force=True, **more), warn=lambda _: None)

    run.plugins = plugins  # type: ignore[attr-defined]
    return run


def test_no_request_goes_to_what_was_rolled_back(file: Path, switch: Any) -> None:
    with open_app(file, plugins=switch.plugins) as app:
        for backend, weight in (("b", 0.3), ("b", None), ("a", None)):
            switch(backend, weight)
            app.reload()

        answers = Counter(float(app.model("m").infer({"x": np.zeros(1, np.float32)})["x"][0]) for _ in range(200))

    assert answers == {1.0: 200}
    assert file.read_text() == FILE


def test_every_switch_is_undone_the_newest_first(file: Path, switch: Any) -> None:
    texts = [file.read_text()]
    for backend, weight in (("b", 0.3), ("b", 0.5), ("b", None), ("a", None)):
        switch(backend, weight)
        texts.append(file.read_text())

    undone = []
    for _ in range(4):
        switch(None)
        undone.append(file.read_text())

    assert undone == texts[-2::-1]
    with pytest.raises(ConfigurationError, match=r"no switch of it is recorded .* name the backend instead"):
        switch(None)
    assert str(switch("b").change).startswith(f"{file}:5: model 'm' was on 'a', is on 'b' now")


def test_a_running_app_follows_an_undone_switch(file: Path, switch: Any) -> None:
    with open_app(file, plugins=switch.plugins) as app:
        switch("b")
        app.reload()
        switched = app.model("m").infer({"x": np.zeros(1, np.float32)})["x"].tolist()
        switch(None)
        app.reload()

        assert (switched, app.model("m").infer({"x": np.zeros(1, np.float32)})["x"].tolist()) == ([2.0], [1.0])


def test_edits_of_other_lines_and_switches_of_other_models_survive_an_undo(file: Path, switch: Any) -> None:
    switch("b")
    switch("b", model="other")
    edited = file.read_text().replace("fallback: a", "fallback: b  # mine").replace("# about", "# more about")
    file.write_text(edited)

    switch(None)

    assert file.read_text() == edited.replace("    backend: b  # the one line", "    backend: a  # the one line")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    backend: b  #", "    backend: c  #", "it has backend: c, the last switch left backend: b"),
        (
            "    backend: b  #",
            "    canary: {backend: a, weight: 0.1}\n    backend: b  #",
            "it has backend: b, canary: .*would lose",
        ),
        ("# the one line", "# mine", "its lines were edited by hand since the last switch, and --back would lose that"),
    ],
)
def test_an_undo_that_would_lose_an_edit_is_refused(file: Path, switch: Any, old: str, new: str, reason: str) -> None:
    switch("b")
    file.write_text(file.read_text().replace(old, new).replace("{a: , b: }", "{a: , b: , c: }"))
    before = file.read_text()

    with pytest.raises(ConfigurationError, match=reason):
        switch(None)

    assert file.read_text() == before


def test_a_dry_run_shows_the_change_and_writes_nothing(file: Path, switch: Any) -> None:
    report = switch("b", dry_run=True)

    assert (report.as_json()["changed"], report.as_json()["dry_run"]) == (True, True)
    assert next(iter(report.lines())) == "dry run: nothing was written"
    assert (file.read_text(), list((file.parent / ".turnout").glob("m.*"))) == (FILE, [])


def test_the_report_shows_every_backend_that_serves(switch: Any) -> None:
    report = switch("b", 0.25)

    assert list(report.lines())[-5:] == [
        "m serves:",
        "  backend   a",
        "  canary    b, weight 0.25",
        "  shadow    b, fraction 0.5",
        "  fallback  a (no effect: it is the serving backend)",
    ]
    assert report.as_json()["serves"] == {
        "backend": "a",
        "canary": {"backend": "b", "weight": 0.25},
        "shadow": {"backend": "b", "fraction": 0.5},
        "fallback": "a",
        "version": None,
    }


def test_a_switch_that_changes_nothing_is_not_recorded(file: Path, switch: Any) -> None:
    switch("b")

    assert not switch("b").as_json()["changed"]
    switch(None)

    assert file.read_text() == FILE


def test_a_misspelled_model_leaves_no_folder_behind(file: Path, switch: Any) -> None:
    with pytest.raises(ConfigurationError, match="unknown model 'mm'"):
        switch("b", model="mm")

    assert not (file.parent / ".turnout").exists()


@pytest.fixture
def aliased(file: Path, switch: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return ``switch`` for a file that calls backend ``a`` by other names."""
    other = {"one": "a", "first": "a"}
    monkeypatch.setattr(type(switch.plugins), "backend_name", lambda _, name: other.get(name, name))
    file.write_text("models:\n  m:\n    backend: one  # the one line\n    backends: {first: , b: }\n")
    return switch


def test_a_switch_from_another_name_of_a_backend_is_undone(file: Path, aliased: Any) -> None:
    before = file.read_text()

    switched = aliased("b")
    undone = aliased(None)

    assert (switched.serving.backend, undone.serving.backend) == ("b", "a")
    assert file.read_text() == before


def test_another_name_is_the_same_backend_for_shares(file: Path, aliased: Any) -> None:
    with pytest.raises(ConfigurationError, match="'a' already serves it"):
        aliased("a", 0.3)
    file.write_text(file.read_text().replace("backend: one  #", "backend: b\n    canary: {backend: one, weight: 0.2}  #"))

    report = switch_file(file, SwitchRequest("m", "a", 0.1), warn=lambda _: None)  # a share that shrinks needs no proof

    assert report.serving.shares() == {"b": 0.9, "a": 0.1}
