"""The edit of one line of turnout.yaml: the backend that serves a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.settings.document.document import DocumentPath
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.line_edit import text_scalar
from turnout.settings.registry import Registry


@dataclass(frozen=True, slots=True)
class BackendSwitch:
    """The result of ``switch_backend``.

    Attributes:
        file: the file, as the user named it.
        model: the model.
        before: the former value as written; None if the model named no backend. A text with ``${`` was a variable, which no
            longer has an effect on this model.
        after: the name of the new backend.
        line: the number of the line.
        diff: the changed line as a unified diff; empty if the file is unchanged.
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
            return f"{place} is already on {self.after!r}; the file is unchanged"
        before = "named no backend" if self.before is None else f"was on {self.before!r}"
        return f"{place} {before}, is on {self.after!r} now\n{self.diff}"


def switch_backend(file: Path | str, model: str, backend: str, *, registry: Registry | None = None) -> BackendSwitch:
    """Set the ``backend`` of ``model`` in the settings ``file``. Only that line changes; comments and quotes stay.

    With a ``registry``, a backend that no plugin provides is refused, because the file could no longer be loaded here.

    Raises:
        UnknownNameError: the file has no such model, or ``registry`` no such backend.
        ConfigurationError: the model has no options for ``backend``, the file cannot be edited, or it cannot be written.
    """
    edit = FileEdit(file, model)
    edit.check_backend(backend, registry)
    place: DocumentPath = ("models", model, "backend")
    before = edit.document.value_at(place)
    edit.set(("backend",), text_scalar(backend), backend)
    line = edit.document.mark_of_key(place).line
    return BackendSwitch(str(file), model, before, backend, line, edit.write())
