"""Distributions to install for plugins that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.plugins.discovery import Plugins
from turnout.plugins.known import _DISTRIBUTIONS, install_command, install_commands, install_hint

PLUGINS = Path(__file__).parents[3] / "plugins"
ENTRIES = [(kind, name, distribution) for kind, names in _DISTRIBUTIONS.items() for name, distribution in names.items()]


@pytest.mark.parametrize(("kind", "name", "distribution"), ENTRIES)
def test_every_known_name_is_in_the_sources_of_its_distribution(kind: str, name: str, distribution: str) -> None:
    folder = PLUGINS / distribution.removeprefix("turnout-")

    assert f'name = "{distribution}"' in (folder / "pyproject.toml").read_text("utf-8")
    assert any(f'"{name}"' in file.read_text("utf-8") for file in (folder / "src").rglob("*.py"))


@pytest.fixture
def from_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that was installed from a package index, and this Python's pip on PATH."""
    monkeypatch.setattr("turnout.plugins.known._checkout", lambda: Path("/nonexistent"))
    monkeypatch.setattr("turnout.plugins.known._pip", lambda: "pip")


@pytest.mark.usefixtures("from_an_index")
def test_a_missing_plugin_of_turnout_is_named_with_its_command() -> None:
    assert Plugins([]).why_missing("backend", "triton") == (
        "unknown backend 'triton'; known: none. It comes with turnout-triton: pip install turnout-triton. "
        "'turnout plugins' lists what is installed"
    )


def test_an_unknown_name_has_no_hint() -> None:
    assert install_hint("step", "shout") == ""


@pytest.mark.usefixtures("from_an_index")
def test_each_distribution_is_listed_once() -> None:
    assert install_commands("export format") == "pip install turnout-direct or pip install turnout-triton"


@pytest.mark.usefixtures("from_an_index")
def test_what_is_installed_is_not_suggested() -> None:
    assert install_commands("backend", ["direct", "of another", "onnxruntime"]) == "pip install turnout-triton"
    assert install_commands("backend", ["direct", "onnxruntime", "triton"]) == ""


def test_a_core_from_a_checkout_installs_the_plugins_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.plugins.known._pip", lambda: "pip")

    command = install_command("backend", "triton")

    assert command is not None
    folder = Path(command.removeprefix("pip install "))
    assert 'name = "turnout-triton"' in (folder / "pyproject.toml").read_text("utf-8")
    monkeypatch.chdir(folder.parents[1])
    assert install_command("backend", "triton") == "pip install ./plugins/triton"


def test_a_pip_of_another_python_is_not_suggested(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "pip"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    absent = install_command("backend", "triton")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    assert absent is not None
    assert " -m pip install " in absent
    assert (install_command("backend", "triton") or "").startswith("pip install ")
