"""Sources of settings: a file, or a mapping of the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, Problem, SettingsError
from turnout.files.limits import SETTINGS
from turnout.files.regular import open_regular
from turnout.settings.document.document import MAX_DEPTH, TOO_DEEP, Document, DocumentPath, Mark

MAX_BYTES = SETTINGS.max_bytes


def read_text(file: Path) -> str:
    """Return the text of ``file`` with its own line endings.

    Raises:
        ConfigurationError: the file cannot be read.
        SettingsError: it is empty, larger than 1 MiB, or not UTF-8.
    """
    try:
        with open_regular(file) as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or error
        text = f"cannot read the settings file {str(file)!r}: {reason}; 'turnout init' writes one"
        step = "turnout init" if isinstance(error, FileNotFoundError) and file.parent.is_dir() else None
        raise ConfigurationError(text, next_step=step or f"name another file than {str(file)!r}") from error
    if len(content) > MAX_BYTES:
        raise _error(file, f"larger than {MAX_BYTES} bytes; settings are never this large")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(file, "not UTF-8 here; save the file as UTF-8", line) from None
    if not text.removeprefix("\ufeff").strip():
        raise _error(file, "the file is empty; 'turnout init' writes one that works", step="turnout init --force")
    return text


def document_of_file(file: Path) -> Document:
    """Return the document of ``file``. Raises as ``read_text``, and SettingsError if it is not YAML that settings accept."""
    from turnout.settings.document.parse import parse  # settings from a mapping need no YAML library

    return parse(read_text(file), str(file))


def document_of_mapping(values: Mapping[str, Any]) -> Document:
    """Return a document of ``values``, which are copied; its marks give only the order.

    Raises:
        SettingsError: it is nested too deep.
    """
    copy = _Copy()
    copied = copy.copy_value(values, ())
    return Document("", "", copied, copy.keys, copy.marks, tuple(copy.problems))


class _Copy:
    def __init__(self) -> None:
        self.keys: dict[DocumentPath, Mark] = {}
        self.marks: dict[DocumentPath, Mark] = {}
        self.problems: list[tuple[Mark, str]] = []

    def copy_value(self, value: Any, path: DocumentPath) -> Any:
        if len(path) > MAX_DEPTH:
            raise SettingsError([Problem("", TOO_DEEP)])
        self.marks[path] = self._mark()
        if isinstance(value, Mapping):
            return {key: self._copy_entry(inner, (*path, key)) for key, inner in value.items() if self._check_key(key)}
        if isinstance(value, list | tuple):
            return [self.copy_value(inner, (*path, position)) for position, inner in enumerate(value)]
        return value

    def _copy_entry(self, value: Any, path: DocumentPath) -> Any:
        self.keys[path] = self._mark()
        return self.copy_value(value, path)

    def _check_key(self, key: object) -> bool:
        if not isinstance(key, str):
            self.problems.append((self._mark(), f"the key {key!r} is not text; put it in quotes"))
        return isinstance(key, str)

    def _mark(self) -> Mark:
        order = len(self.keys) + len(self.marks)
        return Mark(order, order)


def _error(file: Path, message: str, line: int = 1, step: str | None = None) -> SettingsError:
    error = SettingsError([Problem(f"{file}:{line}:1", message)])
    error.next_step = step
    return error
