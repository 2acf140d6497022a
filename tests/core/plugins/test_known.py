"""Distributions to install for plugins that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.plugins.discovery import Plugins
from turnout.plugins.known import _DISTRIBUTIONS, install_commands, install_hint

PLUGINS = Path(__file__).parents[3] / "plugins"
ENTRIES = [(kind, name, distribution) for kind, names in _DISTRIBUTIONS.items() for name, distribution in names.items()]


@pytest.mark.parametrize(("kind", "name", "distribution"), ENTRIES)
def test_every_known_name_is_in_the_sources_of_its_distribution(kind: str, name: str, distribution: str) -> None:
    folder = PLUGINS / distribution.removeprefix("turnout-")

    assert f'name = "{distribution}"' in (folder / "pyproject.toml").read_text("utf-8")
    assert any(f'"{name}"' in file.read_text("utf-8") for file in (folder / "src").rglob("*.py"))


def test_a_missing_plugin_of_turnout_is_named_with_its_command() -> None:
    assert Plugins([]).why_missing("backend", "triton") == (
        "unknown backend 'triton'; known: none. It comes with turnout-triton: pip install turnout-triton. "
        "'turnout plugins' lists what is installed"
    )


def test_an_unknown_name_has_no_hint() -> None:
    assert install_hint("step", "shout") == ""


def test_each_distribution_is_listed_once() -> None:
    assert install_commands("export format") == "pip install turnout-direct or pip install turnout-triton"
