"""The entries of adopted models in turnout.yaml: added, and edited after the proof; comments and all else stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from turnout.commands.init.draft import HEAD
from turnout.errors import ConfigurationError, SettingsError, text_of
from turnout.files.atomic import replace_file, write_atomic
from turnout.files.lock import file_lock
from turnout.files.state_folder import make_state_folder
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout.settings.document.parse import parse
from turnout.settings.document.source import document_of_file, read_text
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.flow_text import flow_text
from turnout.settings.edit.line_edit import text_scalar
from turnout.settings.edit.new_entry import add_entry

_BYTE_ORDER_MARK = "\ufeff"


def present_entries(config: Path, section: str) -> Mapping[str, Any]:
    """Return the entries of a ``section`` of turnout.yaml as written; empty without the file.

    Raises:
        SettingsError: the file is no YAML that settings accept.
    """
    if not config.exists():
        return {}
    found = document_of_file(config).value_at((section,))
    return found if isinstance(found, Mapping) else {}


def added_text(config: Path, models: Mapping[str, Any], pipelines: Mapping[str, Any], plugins: Plugins) -> str:
    """Return the text of turnout.yaml with ``models`` and ``pipelines`` as further entries.

    Raises:
        ConfigurationError: the file cannot be edited, or no command would accept the result.
    """
    text = read_text(config) if config.exists() else HEAD
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    document = parse(text, str(config))
    if document.problems:
        raise SettingsError([document.problem(*document.problems[0])])
    for section, entries in (("models", models), ("pipelines", pipelines)):
        for name, value in entries.items():
            document = add_entry(document, section, name, value)
    try:
        load_settings(document.values, registry=plugins)
    except SettingsError as error:
        raise ConfigurationError(
            f"with the new model {str(config)!r} would be wrong, so it is unchanged: {text_of(error)}"
        ) from error
    return mark + document.text


def add_to_file(config: Path, models: Mapping[str, Any], pipelines: Mapping[str, Any], plugins: Plugins) -> None:
    """Add ``models`` and ``pipelines`` to turnout.yaml, which is created if it does not exist. Raises as ``added_text``."""
    with _lock(config):
        text = added_text(config, models, pipelines, plugins)
        try:
            if config.exists():
                replace_file(config, text.encode())
            else:
                write_atomic(config, text.encode())
        except OSError as error:
            raise ConfigurationError(f"cannot write {str(config)!r}: {error.strerror or error}") from error


def edit_model(config: Path, name: str, keys: Mapping[str, Any], backends: Mapping[str, Any], serving: str | None) -> None:
    """Set ``keys`` and the options of ``backends`` of a model of turnout.yaml, and the backend that serves it.

    Raises:
        ConfigurationError: the file cannot be edited there.
    """
    with _lock(config):
        edit = FileEdit(config, name, "adopt")
        for backend, options in backends.items():
            _set(edit, ("backends", backend), dict(options))
        for key, value in keys.items():
            _set(edit, (key,), value)
        if serving is not None and edit.document.value_at(("models", name, "backend")) != serving:
            edit.set(("backend",), text_scalar(serving), serving)
        edit.write()


def _set(edit: FileEdit, keys: tuple[str, ...], value: Any) -> None:
    present = edit.document.value_at(("models", edit.model, *keys))
    if present == value:
        return
    if isinstance(present, Mapping):
        edit.replace(keys, flow_text(value), value)
        return
    edit.set(keys, flow_text(value), value, below="backend" if len(keys) == 1 else "")


@contextmanager
def _lock(config: Path) -> Iterator[None]:
    """Hold the lock on turnout.yaml against a switch or another adoption; without a state folder, none."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(file_lock(make_state_folder(config.absolute().parent) / "switch.lock"))
        yield
