"""The chart of a run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests.core.commands.bench.kit import figures, result

from turnout.commands.bench.report.plot import arm_name, check_plot, draw_plot
from turnout.errors import ConfigurationError, MissingDependencyError


@pytest.fixture
def with_matplotlib() -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")


@pytest.mark.usefixtures("with_matplotlib")
@pytest.mark.parametrize(("name", "magic"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG")])
def test_the_chart_is_drawn_in_the_format_of_the_suffix(tmp_path: Path, name: str, magic: bytes) -> None:
    parts = {"queue": 0.01, "compute": 0.05, "other": 0.02}
    one = result(figures(batching=True, parts=parts), figures(batching=False, parts=parts), figures("x", callers=1))
    other = result(figures(callers=None, rate=5.0, parts=parts), name="describe")

    draw_plot([one, other], tmp_path / name)

    content = (tmp_path / name).read_bytes()
    assert content.startswith(magic)
    if name == "a.svg":
        text = content.decode()
        for label in ("describe: latency over rate", "where the time goes", "onnx, no batching", "compute", "5/s"):
            assert f"<!-- {label}" in text or label in text


@pytest.mark.usefixtures("with_matplotlib")
def test_a_run_without_any_answer_is_drawn_too(tmp_path: Path) -> None:
    empty = figures(noise=(0.0,), requests_per_second=0.0)

    draw_plot([result(empty)], tmp_path / "a.svg")

    assert (tmp_path / "a.svg").stat().st_size


@pytest.mark.usefixtures("with_matplotlib")
def test_a_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.svg").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be written"):
        draw_plot([result(figures())], tmp_path / "a.svg")


def test_a_missing_matplotlib_is_an_error_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else find(name, *more))

    with pytest.raises(MissingDependencyError, match="--plot needs matplotlib, which is not installed; install it: pip"):
        check_plot(tmp_path / "a.svg")


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.gif", "must end with .svg or .png"), ("a", "must end with .svg or .png"), ("no/a.svg", "folder .* does not exist")],
)
def test_a_file_in_which_nothing_can_be_drawn_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=words):
        check_plot(Path(name))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "onnx"),
        ({"batching": True, "delay": 5}, "onnx, batching (5 us)"),
        ({"batching": False, "instances": 2, "batch": 4}, "onnx, no batching, 2 instances, batch 4"),
    ],
)
def test_an_arm_has_its_choices_in_its_name(changes: dict[str, Any], name: str) -> None:
    assert arm_name(figures(**changes)) == name
