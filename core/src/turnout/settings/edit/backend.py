"""Edits one line of turnout.yaml: which backend runs a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.errors import UnknownNameError
from turnout.settings.document.document import DocumentPath
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.line_edit import text_scalar
from turnout.settings.registry import Registry


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
    edit = FileEdit(file, model)
    edit.check_backend(backend)
    if registry is not None and registry.backend_options(backend) is None:
        raise UnknownNameError(registry.why_missing("backend", backend))
    place: DocumentPath = ("models", model, "backend")
    before = edit.document.value_at(place)
    edit.set(("backend",), text_scalar(backend), backend)
    line = edit.document.mark_of_key(place).line
    return BackendSwitch(str(file), model, before, backend, line, edit.write())
