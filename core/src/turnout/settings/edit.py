"""Edits one line of turnout.yaml and leaves every other byte alone."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, SettingsError, UnknownNameError, suggestion, unknown_name
from turnout.settings.document import Document, DocumentPath
from turnout.settings.parse import parse
from turnout.settings.registry import Registry
from turnout.settings.replace_file import replace_file
from turnout.settings.scalars import resolve_plain
from turnout.settings.source import read_text

_BYTE_ORDER_MARK = "\ufeff"
_REST_OF_KEY_LINE = re.compile(r"[ \t]*:[ \t]*(#[^\r\n]*)?(?P<ending>\r\n|\n|\r)")


@dataclass(frozen=True, slots=True)
class BackendSwitch:
    """What ``switch_backend`` did.

    Attributes:
        file: the file, as the user named it.
        model: the model.
        before: what the line said, as written; None if the model named no backend. A text with ``${`` was a variable,
            which no longer counts for this model.
        after: the backend's name.
        line: the number of the line.
        diff: the changed line as a unified diff; empty if nothing had to change.
    """

    file: str
    model: str
    before: str | None
    after: str
    line: int
    diff: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: model {self.model!r}"
        if not self.diff:
            return f"{place} is on {self.after!r} already; nothing was changed"
        before = "named no backend" if self.before is None else f"was on {self.before!r}"
        return f"{place} {before}, is on {self.after!r} now\n{self.diff}"


def switch_backend(file: Path | str, model: str, backend: str, *, registry: Registry | None = None) -> BackendSwitch:
    """Make ``backend`` run ``model`` in the settings ``file``. Only that line changes; comments, quotes and endings stay.

    With a ``registry``, a backend that no plugin brings is refused, since the file could not be loaded here any more.

    Raises:
        UnknownNameError: the file has no such model, or ``registry`` no such backend.
        ConfigurationError: the model has no options for ``backend``, the file cannot be edited, or it cannot be written.
    """
    path = Path(file)
    text = read_text(path)
    document = parse(text, str(file))
    _check(document, model, backend)
    if registry is not None and registry.backend_options(backend) is None:
        raise UnknownNameError(registry.why_missing("backend", backend))
    edited = _edited(document, model, backend)
    document_after = _checked(edited, document, model, backend)
    content = (_BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else "") + edited
    if content != text:
        _write(path, content)
    place: DocumentPath = ("models", model, "backend")
    line = document_after.mark_of_key(place).line
    return BackendSwitch(str(file), model, document.value_at(place), backend, line, _diff(document.text, edited, str(file)))


def _check(document: Document, model: str, backend: str) -> None:
    models = document.value_at(("models",))
    if not isinstance(models, dict) or model not in models:
        raise unknown_name("model", model, models if isinstance(models, dict) else (), f"In {document.source}.")
    if document.problems:
        raise _cannot(document, model, document.problems[0][1])
    entries = document.value_at(("models", model, "backends"))
    if not isinstance(entries, dict) or backend not in entries:
        known = list(entries) if isinstance(entries, dict) else []
        raise _cannot(
            document,
            model,
            f"it has no options for {backend!r}; it has: {', '.join(known) or 'none'}.{suggestion(backend, known)} "
            f"Add '{backend}: {{...}}' under models.{model}.backends",
        )


def _edited(document: Document, model: str, backend: str) -> str:
    place: DocumentPath = ("models", model, "backend")
    if place not in document.keys:
        return _inserted(document, model, backend)
    mark, value = document.marks[place], document.value_at(place)
    if value is None and mark == document.keys[place]:
        colon = document.text.index(":", mark.end) + 1
        return f"{document.text[:colon]} {_scalar(backend)}{document.text[colon:]}"
    written = document.text[mark.start : mark.end]
    if written[:1] in "|>" or "\n" in written or "\r" in written:
        raise _cannot(document, model, "its backend is written over several lines; put it on one")
    quote = written[0] if written[0] in "'\"" else ""
    new = f"{quote}{backend}{quote}" if quote else _scalar(backend)
    return document.text[: mark.start] + new + document.text[mark.end :]


def _checked(edited: str, document: Document, model: str, backend: str) -> Document:
    """Return what the ``edited`` text says, if it says the same as ``document`` but for the backend."""
    with suppress(SettingsError):
        after = parse(edited, document.source)
        if after.values == _wanted(document.values, model, backend):
            return after
    raise _cannot(document, model, "the line cannot be edited in place; edit it by hand")


def _inserted(document: Document, model: str, backend: str) -> str:
    text, place = document.text, ("models", model)
    start = document.marks[place].start
    if text[start] == "{":
        return f"{text[: start + 1]}backend: {_scalar(backend)}, {text[start + 1 :]}"
    key_line = _REST_OF_KEY_LINE.match(text, document.keys[place].end)
    if key_line is None:
        raise _cannot(document, model, "its keys start on the line of its name; put them below it")
    indent = " " * (document.keys[(*place, next(iter(document.value_at(place))))].column - 1)
    return f"{text[: key_line.end()]}{indent}backend: {_scalar(backend)}{key_line['ending']}{text[key_line.end() :]}"


def _scalar(backend: str) -> str:
    return backend if resolve_plain(backend) == backend else f'"{backend}"'


def _wanted(values: Any, model: str, backend: str) -> Any:
    models = values["models"]
    return values | {"models": models | {model: models[model] | {"backend": backend}}}


def _diff(before: str, after: str, name: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, n=0, lineterm="")
    return "\n".join(lines)


def _write(path: Path, content: str) -> None:
    try:
        replace_file(path, content.encode())
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"cannot write the settings file {str(path)!r}: {reason}; it is as it was") from error


def _cannot(document: Document, model: str, reason: str) -> ConfigurationError:
    line = document.mark_of_key(("models", model)).line
    return ConfigurationError(f"cannot switch model {model!r} in {document.source}:{line}: {reason}")
