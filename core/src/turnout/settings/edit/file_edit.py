"""Edits of one model in a settings file, value by value; every comment stays."""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, SettingsError, UnknownNameError, nearest_name, suggestion, unknown_name
from turnout.files.atomic import replace_file
from turnout.plugins.known import install_command
from turnout.settings.aliases import rename_backends
from turnout.settings.document.document import child_of
from turnout.settings.document.parse import parse
from turnout.settings.document.source import read_text
from turnout.settings.edit.line_edit import CannotEditError, replace_brackets, set_value
from turnout.settings.edit.removal import remove_value
from turnout.settings.environment import substitute
from turnout.settings.registry import Registry

_BYTE_ORDER_MARK = "\ufeff"


class FileEdit:
    """The edits of one model in one file; nothing is written before ``write``.

    Attributes:
        source: the file, as the user named it.
        model: the model.
        document: the content of the file with the edits so far.
    """

    def __init__(self, file: Path | str, model: str, action: str = "switch") -> None:
        """Read the file. ``action`` is what errors say that cannot be done to the model.

        Raises:
            UnknownNameError: it has no such model.
            ConfigurationError: it cannot be read, or has a key twice.
        """
        self._path = Path(file)
        self._text = read_text(self._path)
        self.source = str(file)
        self.model = model
        self._action = action
        self.document = self._before = parse(self._text, self.source)
        models = self.document.value_at(("models",))
        if not isinstance(models, dict) or model not in models:
            raise unknown_name("model", model, models if isinstance(models, dict) else (), f"In {self.document.source}.")
        if self.document.problems:
            raise self.error(self.document.problems[0][1])

    def check_backend(self, backend: str, registry: Registry | None) -> None:
        """Raise an error if the model cannot move to ``backend``.

        Raises:
            ConfigurationError: the model has no options for it.
            UnknownNameError: ``registry`` has no such backend.
        """
        entries = self.document.value_at(("models", self.model, "backends"))
        known = list(entries) if isinstance(entries, dict) else []
        if backend not in (known if registry is None else [registry.backend_name(name) for name in known]):
            missing = self.error(
                f"it has no options for {backend!r}; it has: {', '.join(known) or 'none'}.{suggestion(backend, known)} "
                f"Add '{backend}: {{...}}' under models.{self.model}.backends"
            )
            error = UnknownNameError(*missing.args, next_step=missing.next_step)
            error.name, error.nearest = backend, nearest_name(backend, known)
            raise error
        if registry is not None and registry.backend_options(backend) is None:
            raise UnknownNameError(
                registry.why_missing("backend", backend), next_step=install_command("backend", backend) or "turnout plugins"
            )

    def resolved(self, registry: Registry | None) -> dict[str, Any]:
        """Return the values with the edits so far, with variables substituted and the own name of each backend."""
        values = substitute(self.document.values, os.environ).values
        resolved: dict[str, Any] = values if registry is None else rename_backends(values, registry.backend_name)
        return resolved

    def serving_backend(self, registry: Registry | None) -> str:
        """Return the backend that serves the model after the edits so far; empty if the file names none."""
        values = self.resolved(registry)
        return str(child_of(values["models"][self.model], "backend", None) or child_of(values, "backend", None) or "")

    def set(self, keys: tuple[str, ...], written: str, value: Any, *, below: str = "") -> None:
        """Set the value at ``keys`` of the model to ``value``, written as ``written``; see ``set_value``.

        Raises:
            ConfigurationError: the file cannot be edited there.
        """
        place = ("models", self.model, *keys)
        try:
            edited = set_value(self.document, place, written, below=below)
        except CannotEditError as error:
            raise self.error(str(error)) from None
        self.replace_text(edited, _set(self.document.values, place, value))

    def replace(self, keys: tuple[str, ...], written: str, value: Any) -> None:
        """Put ``value``, written as ``written``, in place of the list or mapping at ``keys`` of the model.

        Raises:
            ConfigurationError: it is not in brackets.
        """
        place = ("models", self.model, *keys)
        try:
            edited = replace_brackets(self.document, place, written)
        except CannotEditError as error:
            raise self.error(str(error)) from None
        self.replace_text(edited, _set(self.document.values, place, value))

    def remove(self, key: str) -> None:
        """Remove ``key`` of the model with its value, if it has one; comments stay.

        Raises:
            ConfigurationError: the file cannot be edited there.
        """
        place = ("models", self.model, key)
        if place not in self.document.keys:
            return
        try:
            edited = remove_value(self.document, place)
        except CannotEditError as error:
            raise self.error(str(error)) from None
        self.replace_text(edited, _without(self.document.values, place))

    def replace_text(self, edited: str, values: Any) -> None:
        """Take ``edited`` as the file's text.

        Raises:
            ConfigurationError: it does not have exactly these ``values``: YAML has forms that an edit of a few lines breaks.
        """
        with suppress(SettingsError):
            after = parse(edited, self.document.source)
            if after.values == values:
                self.document = after
                return
        raise self.error("the line cannot be edited in place; edit it by hand")

    def write(self) -> None:
        """Write the file if it has changed.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        content = (_BYTE_ORDER_MARK if self._text.startswith(_BYTE_ORDER_MARK) else "") + self.document.text
        if content != self._text:
            self._replace(content)

    def diff(self) -> str:
        """Return the edits as a unified diff."""
        before, after = self._before.text.splitlines(), self.document.text.splitlines()
        return "\n".join(difflib.unified_diff(before, after, self.source, self.source, n=0, lineterm=""))

    def error(self, reason: str, next_step: str | None = None) -> ConfigurationError:
        """Return the error for a model that cannot be switched because of ``reason``; by default, the user edits the file."""
        line = self._before.mark_of_key(("models", self.model)).line
        return ConfigurationError(
            f"cannot {self._action} model {self.model!r} in {self._before.source}:{line}: {reason}",
            next_step=next_step or f"edit model {self.model!r} from line {line} of {self._before.source} on",
        )

    def _replace(self, content: str) -> None:
        try:
            replace_file(self._path, content.encode())
        except OSError as error:
            reason = error.strerror or error
            raise ConfigurationError(
                f"cannot write the settings file {str(self._path)!r}: {reason}; the file is unchanged"
            ) from error


def _set(values: Any, place: tuple[str, ...], value: Any) -> Any:
    """Return a copy of ``values`` with ``value`` at ``place``."""
    key, *rest = place
    inner = _set((values or {}).get(key), tuple(rest), value) if rest else value
    return (values or {}) | {key: inner}


def _without(values: Any, place: tuple[str, ...]) -> Any:
    """Return a copy of ``values`` without the key ``place``."""
    key, *rest = place
    if rest:
        return values | {key: _without(values[key], tuple(rest))}
    return {name: value for name, value in values.items() if name != key}
