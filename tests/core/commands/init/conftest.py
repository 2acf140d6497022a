"""Fixtures: plugins with backends and repositories of a test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from turnout import Backend, Options
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne


class AnyOptions(Options):
    """Options of a backend."""

    path: str = ""
    file: str = ""
    model: str = ""
    url: str = ""
    ratio: float = 0.0


@pytest.fixture
def plugins_of(plugins_with: Callable[..., Plugins], any_options: Any) -> Callable[..., Plugins]:
    """Return a function that loads a plugin with backends of these names, each with more fields of its declaration."""

    def load(**backends: dict[str, Any]) -> Plugins:
        plugins = plugins_with()
        module = plugins._inventory._manager.get_plugin("lists")
        module.BACKENDS += [Backend(name, lambda *_: PlusOne(), any_options, **more) for name, more in backends.items()]
        return plugins

    return load


@pytest.fixture
def any_options() -> Any:
    """Return a class of options with the keys that these tests write."""
    return AnyOptions
