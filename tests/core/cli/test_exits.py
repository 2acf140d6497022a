"""Exit codes, and what the user does next."""

from __future__ import annotations

import errno

import pytest

from turnout.cli.exits import exit_code, next_step, system_message, system_step
from turnout.cli.invocation import Invocation
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
    Problem,
    SettingsError,
    TurnoutError,
    UnknownNameError,
    unknown_name,
)

ADVICE = "change what the error names"


@pytest.mark.parametrize(
    ("error", "code", "step"),
    [
        (ConfigurationError("x"), 2, ADVICE),
        (SettingsError([Problem("my.yaml:5:3", "unknown key")]), 2, "edit line 5 of my.yaml"),
        (SettingsError([Problem("", "nested too deep")]), 2, "edit the settings"),
        (PipelineError("x"), 2, ADVICE),
        (PluginConflictError("x"), 2, "turnout plugins"),
        (MissingDependencyError("needs torch; install it: pip install 'turnout-direct[export]', or not"), 2, None),
        (UnknownNameError("x"), 2, "turnout models"),
        (BackendUnavailableError("x", model="m"), 3, "turnout status m"),
        (OverloadedError("x"), 3, "turnout status"),
        (ModelLoadError("x"), 2, "turnout status"),
        (InferenceError("x"), 1, ADVICE),
        (InvalidInputError("x"), 1, "give other inputs, as the error says"),
        (ExportError("x"), 1, ADVICE),
        (ExportError("x", next_step="turnout check --deep"), 1, "turnout check --deep"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, TurnoutError) else None,
)
def test_every_error_has_its_exit_code_and_its_next_step(error: TurnoutError, code: int, step: str | None) -> None:
    assert exit_code(error) == code
    assert next_step(error, Invocation(command="export")) == (step or "pip install 'turnout-direct[export]'")


def test_the_command_that_failed_is_not_suggested() -> None:
    assert next_step(UnknownNameError("x"), Invocation(command="models")) == ADVICE
    assert next_step(ModelLoadError("x"), Invocation(command="status")) == ADVICE


def test_a_misspelled_name_is_corrected_in_the_same_command_line() -> None:
    line = Invocation(command="switch", arguments=("switch", "frist", "plus"))

    assert next_step(unknown_name("model", "frist", ["first", "other"]), line) == "turnout switch first plus"


def test_a_command_gets_the_settings_file_of_the_one_that_failed() -> None:
    line = Invocation(command="check", config="my file.yaml")

    assert next_step(UnknownNameError("x"), line) == "turnout models --config 'my file.yaml'"
    assert next_step(PluginConflictError("x"), line) == "turnout plugins"


def test_an_error_of_the_system_has_a_next_step() -> None:
    assert system_step(FileNotFoundError(2, "no such file")) == "create what is missing, or name another path"
    assert system_step(OSError("of a kind that has no number")) == ADVICE


@pytest.mark.parametrize(
    ("path", "variable"),
    [
        ("/data/hub/models/x.json", "HF_HOME"),
        ("/data/tmp/abc", "TMPDIR"),
        ("/data", "DATA"),
        (b"/data/hub/x", "HF_HOME"),
    ],
)
def test_a_path_from_the_environment_is_named_with_its_variable(path: str | bytes, variable: str) -> None:
    environment = {"HF_HOME": "/data/hub", "TMPDIR": "/data/tmp/", "DATA": "/data", "PWD": "/data/hub/models", "LANG": "C"}
    error = OSError(errno.EACCES, "Permission denied", path)

    text = system_message(error, environment)

    assert text.startswith("[Errno 13] Permission denied: ")
    assert text.endswith(f"(the path comes from the environment variable {variable})")


@pytest.mark.parametrize("path", ["/elsewhere/x", "/database", "relative", 7, None])
def test_another_path_is_named_alone(path: object) -> None:
    error = OSError(errno.ENOENT, "No such file", path) if path is not None else OSError("disk")

    assert system_message(error, {"DATA": "/data", "ROOT": "/", "EMPTY": ""}) == str(error)
