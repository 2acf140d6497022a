"""Exit codes and the next command."""

from __future__ import annotations

import pytest

from turnout.cli.exits import exit_code, print_error
from turnout.errors import (
    BackendUnavailableError,
    ConfigurationError,
    ExportError,
    InferenceError,
    InvalidInputError,
    MissingDependencyError,
    ModelLoadError,
    OverloadedError,
    PipelineError,
    PluginConflictError,
    SettingsError,
    TurnoutError,
    UnknownNameError,
)


@pytest.mark.parametrize(
    ("error", "code", "next_command"),
    [
        (ConfigurationError("x"), 2, "turnout check"),
        (SettingsError([]), 2, "turnout check"),
        (PipelineError("x"), 2, "turnout check"),
        (PluginConflictError("x"), 2, "turnout plugins"),
        (MissingDependencyError("x"), 2, "turnout plugins"),
        (UnknownNameError("x"), 2, "turnout models"),
        (BackendUnavailableError("x"), 3, "turnout check --deep"),
        (OverloadedError("x"), 3, "turnout check --deep"),
        (ModelLoadError("x"), 2, "turnout check --deep"),
        (InferenceError("x"), 1, "turnout models"),
        (InvalidInputError("x"), 1, "turnout record --help"),
        (ExportError("x"), 1, "turnout models"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, TurnoutError) else None,
)
def test_every_error_has_its_exit_code_and_its_next_command(
    error: TurnoutError, code: int, next_command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_error(error)

    written = capsys.readouterr()
    assert exit_code(error) == code
    assert (written.out, written.err) == ("", f"error: {error}\nnext: {next_command}\n")
