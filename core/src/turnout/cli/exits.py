"""The end of a command that fails: the exit code, and what the user does next."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.cli.invocation import Invocation
    from turnout.errors import SettingsError, TurnoutError

FAILED, WRONG, UNREACHABLE = 1, 2, 3

_INSTALL = re.compile(r"(?:(?:'[^']+'|\S+) -m )?\bpip install (?:'[^']+'|[^\s;,()']+?(?=[.,;)']?(?:\s|$)))")
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?")
_SYSTEM_STEPS: Mapping[int, str] = {
    errno.ENOENT: "create what is missing, or name another path",
    errno.EACCES: "give this user access to it, or name another path",
    errno.EROFS: "name a path on a file system that can be written",
    errno.ENOSPC: "free some space on that disk",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a folder, not a file",
}
_ANY_STEP = "change what the error names"
WHAT_FAILED = "change what FAIL names"
"""The step after failures that were printed as FAIL, if none is known."""
# The shell sets these to where the user is.
_SHELL = frozenset({"PWD", "OLDPWD", "_"})
# Below this length a value is in too many paths to explain one.
_LEAST_VALUE = 2


def exit_code(error: TurnoutError) -> int:
    """Return 2 for wrong settings, broken plugins and models that cannot be opened, 3 for an unreachable backend, else 1."""
    from turnout.errors import (
        BackendUnavailableError,
        ConfigurationError,
        ModelLoadError,
        PipelineError,
        PipelineFailedError,
        PluginError,
    )

    if isinstance(error, PipelineFailedError):
        return UNREACHABLE if isinstance(error, BackendUnavailableError) else FAILED
    if isinstance(error, ConfigurationError | PipelineError | PluginError | ModelLoadError):
        return WRONG
    return UNREACHABLE if isinstance(error, BackendUnavailableError) else FAILED


def next_step(error: TurnoutError, invocation: Invocation, otherwise: str = _ANY_STEP) -> str:
    """Return what the user does after ``error``: a command that can be typed here and is not the one that failed, or advice.

    ``otherwise`` if none is known.
    """
    return invocation.suggest(next(_steps(error, invocation), otherwise))


def system_step(error: OSError) -> str:
    """Return what the user does after an error of the operating system."""
    return _SYSTEM_STEPS.get(error.errno or 0, _ANY_STEP)


def system_message(error: OSError, environment: Mapping[str, str] | None = None) -> str:
    """Return the text of ``error``; if a path in it comes from a variable of the environment, with the variable.

    A user who never typed the path looks for it in the command line.
    """
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
    variables = os.environ if environment is None else environment
    # The longest value is the most exact: HF_HOME comes before HOME.
    names = [name for name, value in variables.items() if name not in _SHELL and _is_inside(path, value)]
    found = max(names, key=lambda name: len(variables[name]), default=None)
    return f"{error} (the path comes from the environment variable {found})" if found is not None else str(error)


def _is_inside(path: str, value: str) -> bool:
    folder = value.rstrip("/\\")
    return len(folder) >= _LEAST_VALUE and Path(folder).is_absolute() and (path == folder or path.startswith(folder + os.sep))


def _steps(error: TurnoutError, invocation: Invocation) -> Iterator[str]:
    """Yield possible steps, the best one first."""
    from turnout.errors import PluginError, SettingsError, UnknownNameError

    if isinstance(error, UnknownNameError) and error.nearest:
        retyped = invocation.retype(error.name, error.nearest)
        yield from [retyped] if retyped else []
    if error.next_step is not None:
        yield error.next_step
    if install := _INSTALL.search(str(error)):
        yield install.group()
    if isinstance(error, SettingsError):
        yield from _edits(error)
    general = {"turnout models": UnknownNameError, "turnout plugins": PluginError}
    commands = [command for command, kind in general.items() if isinstance(error, kind)]
    yield from (step for step in [*commands, *_model_steps(error)] if invocation.command not in step.split())


def _edits(error: SettingsError) -> Iterator[str]:
    """Yield the place of the first problem: no command changes the file."""
    places = [_PLACE.fullmatch(problem.where) for problem in error.problems]
    for problem, place in zip(error.problems, places, strict=True):
        yield f"edit line {place['line']} of {place['file']}" if place else f"edit {problem.where or 'the settings'}"


def _model_steps(error: TurnoutError) -> Iterator[str]:
    """Yield a command that shows the model without opening it, which is what failed."""
    from turnout.errors import BackendUnavailableError, DeadlineExceededError, InvalidRequestError, ModelLoadError

    if isinstance(error, ModelLoadError | BackendUnavailableError | DeadlineExceededError):
        yield f"turnout status {error.model}" if error.model else "turnout status"
    if isinstance(error, InvalidRequestError):
        yield "give other inputs, as the error says"
