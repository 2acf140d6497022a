"""The files of prometheus_client's multi-process mode: one set for each process, in the folder of a variable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout.errors import ConfigurationError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def is_multiprocess() -> bool:
    """Return whether prometheus_client runs in its multi-process mode."""
    return VARIABLE in os.environ


@contextmanager
def metric_files() -> Iterator[None]:
    """Name the variable where metrics are created in the block and their files cannot be.

    Raises:
        ConfigurationError: the variable names no folder, or one that cannot be written.
    """
    if is_multiprocess():
        _check_folder(os.environ[VARIABLE])
    try:
        yield
    except OSError as error:
        if not is_multiprocess():
            raise
        raise _error(os.environ[VARIABLE], f"its files cannot be written: {error.strerror or error}") from error


def _check_folder(name: str) -> None:
    folder = Path(name)
    if not name:
        raise _error(name, "which is empty")
    if not folder.is_dir():
        raise _error(name, "which is a file" if folder.exists() else "and there is no such folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _error(name, "a folder that this user cannot write")


def _error(name: str, reason: str) -> ConfigurationError:
    advice = f"create a folder that can be written and name it in {VARIABLE}, or unset the variable"
    return ConfigurationError(f"metrics of several processes: {VARIABLE} is {name!r}, {reason}; {advice}", next_step=advice)
