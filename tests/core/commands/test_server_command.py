"""What helps after a backend could not be used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from turnout.commands.server_command import step_after
from turnout.errors import BackendUnavailableError, InferenceError, ModelLoadError, NotReachedError, TurnoutError


@pytest.fixture
def plugins(load_plugins: Any) -> Any:
    """Return plugins with a backend ``remote``, whose server is started with ``serve it``."""
    return load_plugins(
        served="from turnout import Backend, Options, hookimpl\n"
        "@hookimpl\ndef turnout_backends():\n"
        "    yield Backend('remote', print, Options, remote=True, server_command=lambda options, repository: 'serve it')\n"
    )


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (BackendUnavailableError("down"), "serve it"),
        (NotReachedError("down"), "serve it"),
        (BackendUnavailableError("not installed", next_step="pip install it"), "pip install it"),
        (ModelLoadError("missing", next_step="turnout export m"), "turnout export m"),
        (InferenceError("failed"), ""),
    ],
)
def test_an_error_says_what_helps_or_the_server_is_started(plugins: Any, error: TurnoutError, step: str) -> None:
    model: Any = SimpleNamespace(options={"remote": "localhost:1"})

    assert step_after(error, plugins, model, "remote") == step
