"""The README of each backend lists exactly the options that the backend accepts, with their defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
OPTIONS = {"direct": "DirectOptions", "onnxruntime": "OnnxruntimeOptions", "triton": "TritonOptions"}


def _defaults(plugin: str) -> dict[str, Any]:
    """Return the default of each option of a backend, by its name in turnout.yaml."""
    options = getattr(import_module(f"turnout_{plugin}.options"), OPTIONS[plugin])
    return {field.alias or name: field.default for name, field in options.model_fields.items()}


def _listed(plugin: str) -> Iterator[tuple[str, str]]:
    """Yield each option of the README's table with the text of its default."""
    text = (PLUGINS / plugin / "README.md").read_text("utf-8")
    for row in text.partition("| option |")[2].partition("\n\n")[0].splitlines()[2:]:
        names, default = row.split("|")[1:3]
        yield from ((name, default.strip(" `")) for name in re.findall(r"`(\w+)`", names))


@pytest.mark.parametrize("plugin", OPTIONS)
def test_a_readme_lists_the_options_of_its_backend(plugin: str) -> None:
    assert sorted(name for name, _ in _listed(plugin)) == sorted(_defaults(plugin))


@pytest.mark.parametrize("plugin", OPTIONS)
def test_a_readme_has_the_present_defaults(plugin: str) -> None:
    simple = {name: value for name, value in _defaults(plugin).items() if isinstance(value, bool | int | float | str | Path)}

    # The default of the version on a server is empty, which the table puts in words.
    assert {name: default for name, default in _listed(plugin) if name in simple and name != "version"} == {
        name: str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")
        for name, value in simple.items()
        if name != "version"
    }
