"""The labels that turnout.yaml gives: a list, or a text file with one a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from turnout import StepDeclaration
from turnout.errors import ConfigurationError
from turnout.files.limits import LABELS
from turnout.files.regular import read_regular_text


def read_given_labels(given: str | Sequence[str], declaration: StepDeclaration, option: str) -> tuple[str, ...]:
    """Return the labels of option ``option``: ``given`` itself, or the lines of the file that it names.

    Raises:
        ConfigurationError: the file cannot be read, has no lines, or an empty one.
    """
    if not isinstance(given, str):
        return tuple(given)
    file = declaration.folder / Path(given).expanduser()
    where = f"step {declaration.name!r} of pipeline {declaration.pipeline!r}: {option} file {str(file)!r}"
    try:
        lines = [line.strip() for line in read_regular_text(file, LABELS).rstrip().split("\n")]
    except OSError as error:
        raise ConfigurationError(
            f"{where} cannot be read: {error.strerror or error}; check the path, or write a list"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{where} is not a text: {error}; save it as UTF-8, one of the {option} a line") from error
    if not all(lines):
        raise ConfigurationError(f"{where}: line {lines.index('') + 1} is empty; write one of the {option} a line")
    return tuple(lines)
