"""Editing what a settings file says of one model, value by value, every comment kept."""

from __future__ import annotations

import difflib
from contextlib import suppress
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, SettingsError, suggestion, unknown_name
from turnout.files.atomic import replace_file
from turnout.settings.document.parse import parse
from turnout.settings.document.source import read_text
from turnout.settings.edit.line_edit import CannotEditError, with_value

_BYTE_ORDER_MARK = "\ufeff"


class FileEdit:
    """The edits of one model in one file; nothing is written before ``write``.

    Attributes:
        document: what the file says, with the edits so far.
    """

    def __init__(self, file: Path | str, model: str) -> None:
        """Read the file.

        Raises:
            UnknownNameError: it has no such model.
            ConfigurationError: it cannot be read, or says things twice.
        """
        self._path = Path(file)
        self._text = read_text(self._path)
        self._model = model
        self.document = self._before = parse(self._text, str(file))
        models = self.document.value_at(("models",))
        if not isinstance(models, dict) or model not in models:
            raise unknown_name("model", model, models if isinstance(models, dict) else (), f"In {self.document.source}.")
        if self.document.problems:
            raise self.cannot(self.document.problems[0][1])

    def check_backend(self, backend: str) -> None:
        """Return if the model has options for ``backend``.

        Raises:
            ConfigurationError: it has none.
        """
        entries = self.document.value_at(("models", self._model, "backends"))
        if not isinstance(entries, dict) or backend not in entries:
            known = list(entries) if isinstance(entries, dict) else []
            raise self.cannot(
                f"it has no options for {backend!r}; it has: {', '.join(known) or 'none'}.{suggestion(backend, known)} "
                f"Add '{backend}: {{...}}' under models.{self._model}.backends"
            )

    def set(self, keys: tuple[str, ...], written: str, value: Any, *, below: str = "") -> None:
        """Make the model say ``written``, which means ``value``, at ``keys``; see ``with_value``.

        Raises:
            ConfigurationError: the file cannot be edited there.
        """
        place = ("models", self._model, *keys)
        try:
            edited = with_value(self.document, place, written, below=below)
        except CannotEditError as error:
            raise self.cannot(str(error)) from None
        with suppress(SettingsError):
            after = parse(edited, self.document.source)
            if after.values == _with(self.document.values, place, value):
                self.document = after
                return
        raise self.cannot("the line cannot be edited in place; edit it by hand")

    def write(self) -> str:
        """Write the file if anything has changed, and return what has, as a unified diff.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        before, after, name = self._before.text, self.document.text, self.document.source
        content = (_BYTE_ORDER_MARK if self._text.startswith(_BYTE_ORDER_MARK) else "") + after
        if content != self._text:
            self._replace(content)
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, n=0, lineterm="")
        return "\n".join(lines)

    def cannot(self, reason: str) -> ConfigurationError:
        """Return the error that says why the model cannot be switched."""
        line = self._before.mark_of_key(("models", self._model)).line
        return ConfigurationError(f"cannot switch model {self._model!r} in {self._before.source}:{line}: {reason}")

    def _replace(self, content: str) -> None:
        try:
            replace_file(self._path, content.encode())
        except OSError as error:
            reason = error.strerror or error
            raise ConfigurationError(
                f"cannot write the settings file {str(self._path)!r}: {reason}; it is as it was"
            ) from error


def _with(values: Any, place: tuple[str, ...], value: Any) -> Any:
    """Return ``values`` with ``value`` at ``place``."""
    key, *rest = place
    inner = _with((values or {}).get(key), tuple(rest), value) if rest else value
    return (values or {}) | {key: inner}
