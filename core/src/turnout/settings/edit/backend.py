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
        diff: the changed lines as a unified diff; empty if the file is unchanged.
        canary: the backend and weight of the canary that was removed, as written; None if there was none.
    """

    file: str
    model: str
    before: str | None
    after: str
    line: int
    diff: str
    canary: tuple[object, object] | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: model {self.model!r}"
        if not self.diff:
            return f"{place} is already on {self.after!r}; the file is unchanged"
        before = "named no backend" if self.before is None else f"was on {self.before!r}"
        moved = f"{before}, is on {self.after!r} now" if self.before != self.after else f"stays on {self.after!r}"
        removed = f"\nits canary was removed: {self.canary[0]!r} had weight {self.canary[1]}" if self.canary else ""
        return f"{place} {moved}{removed}\n{self.diff}"


def switch_backend(file: Path | str, model: str, backend: str, *, registry: Registry | None = None) -> BackendSwitch:
    """Set the ``backend`` of ``model`` in the settings ``file``, and remove its canary; comments and all else stay.

    A canary that stayed would get its share again at the next switch, such as a step back from the canary's backend.
    With a ``registry``, a backend that no plugin provides is refused, because the file could no longer be loaded here.

    Raises:
        UnknownNameError: the file has no such model, or ``registry`` no such backend.
        ConfigurationError: the model has no options for ``backend``, the file cannot be edited, or it cannot be written.
    """
    edit = FileEdit(file, model)
    switch = edit_backend(edit, backend, registry)
    edit.write()
    return switch


def edit_backend(edit: FileEdit, backend: str, registry: Registry | None) -> BackendSwitch:
    """Make the edit of ``switch_backend`` without writing the file. Raises as ``switch_backend``."""
    edit.check_backend(backend, registry)
    place: DocumentPath = ("models", edit.model, "backend")
    before = edit.document.value_at(place)
    canary = edit.document.value_at(("models", edit.model, "canary"))
    edit.set(("backend",), text_scalar(backend), backend)
    edit.remove("canary")
    line = edit.document.mark_of_key(place).line
    removed = (canary.get("backend"), canary.get("weight")) if isinstance(canary, dict) else None
    return BackendSwitch(edit.source, edit.model, before, backend, line, edit.diff(), removed)
