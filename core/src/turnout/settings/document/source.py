"""Sources of settings: a file, or a mapping of the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, Problem, SettingsError
from turnout.files.limits import SETTINGS
from turnout.files.regular import open_regular
from turnout.settings.document.document import LINE_BREAK, MAX_DEPTH, MAX_VALUES, TOO_DEEP, Document, DocumentPath, Mark
from turnout.settings.document.scalars import value_text

MAX_BYTES = SETTINGS.max_bytes
MAX_LINES = 50_000
MAX_LINE_LENGTH = 1 << 16
_NEW_FILE = "turnout init --force"


def read_text(file: Path) -> str:
    """Return the text of ``file`` with its own line endings.

    Raises:
        ConfigurationError: the file cannot be read.
        SettingsError: it is empty, longer than settings are, or not UTF-8.
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
        raise _error(file, "the file is empty; 'turnout init' writes one that works", step=_NEW_FILE)
    _check_lines(text, file)
    return text


def _check_lines(text: str, file: Path) -> None:
    """Raise SettingsError if ``text`` has more or longer lines than the parser reads in a moment."""
    start = 0
    for line, found in enumerate(LINE_BREAK.finditer(text + "\n"), 1):
        if line > MAX_LINES:
            raise _error(file, f"more than {MAX_LINES} lines; settings are never this long", line)
        if found.start() - start > MAX_LINE_LENGTH:
            length = found.start() - start
            raise _error(file, f"this line has {length} characters; a line of settings has at most {MAX_LINE_LENGTH}", line)
        start = found.end()


def document_of_file(file: Path) -> Document:
    """Return the document of ``file``. Raises as ``read_text``, and SettingsError if it is not YAML that settings accept."""
    from turnout.settings.document.parse import parse  # settings from a mapping need no YAML library

    document = parse(read_text(file), str(file))
    if document.values is None and not document.problems:
        message = "the file has no settings; write 'models:' there, or let 'turnout init --force' replace it"
        raise _error(file, message, step=_NEW_FILE)
    return document


def document_of_mapping(values: Mapping[str, Any]) -> Document:
    """Return a document of ``values``, which are copied; its marks give only the order.

    Raises:
        SettingsError: it is nested too deep, or has too many values.
    """
    copy = _Copy()
    copied = copy.copy_value(values, ())
    return Document("", "", copied, copy.keys, copy.marks, tuple(copy.problems))


class _Copy:
    def __init__(self) -> None:
        self.keys: dict[DocumentPath, Mark] = {}
        self.marks: dict[DocumentPath, Mark] = {}
        self.problems: list[tuple[Mark, str]] = []
        self._characters = 0

    def copy_value(self, value: Any, path: DocumentPath) -> Any:
        if len(path) > MAX_DEPTH:
            raise SettingsError([Problem("", TOO_DEEP)])
        # Also a small mapping, in which one list is the value of many keys, has no end.
        if len(self.marks) > MAX_VALUES:
            raise SettingsError([Problem("", f"more than {MAX_VALUES} values; settings are never this long")])
        self._count_characters(*path[-1:], value)
        self.marks[path] = self._mark()
        if isinstance(value, Mapping):
            return {key: self._copy_entry(inner, (*path, key)) for key, inner in value.items() if self._check_key(key)}
        if isinstance(value, list | tuple):
            return [self.copy_value(inner, (*path, position)) for position, inner in enumerate(value)]
        return value

    def _count_characters(self, *texts: object) -> None:
        self._characters += sum(len(text) for text in texts if isinstance(text, str | bytes))
        if self._characters > MAX_BYTES:
            raise SettingsError([Problem("", f"more than {MAX_BYTES} characters; settings are never this large")])

    def _copy_entry(self, value: Any, path: DocumentPath) -> Any:
        self.keys[path] = self._mark()
        return self.copy_value(value, path)

    def _check_key(self, key: object) -> bool:
        if not isinstance(key, str):
            self.problems.append((self._mark(), f"the key {value_text(key)} is not text; put it in quotes"))
        return isinstance(key, str)

    def _mark(self) -> Mark:
        order = len(self.keys) + len(self.marks)
        return Mark(order, order)


def _error(file: Path, message: str, line: int = 1, step: str | None = None) -> SettingsError:
    error = SettingsError([Problem(f"{file}:{line}:1", message)])
    error.next_step = step
    return error
