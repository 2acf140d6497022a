"""The edit of a canary in turnout.yaml: the share of a model's requests that a second backend serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.line_edit import text_scalar
from turnout.settings.registry import Registry


@dataclass(frozen=True, slots=True)
class WeightSwitch:
    """The result of ``switch_weight``.

    Attributes:
        file: the file, as the user named it.
        model: the model.
        backend: the backend that serves the share.
        before: the backend and weight of the former canary as written; None if there was none.
        weight: the new share.
        line: the number of the line of the weight.
        diff: the changed lines as a unified diff; empty if the file is unchanged.
    """

    file: str
    model: str
    backend: str
    before: tuple[object, object] | None
    weight: float
    line: int
    diff: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: {self.backend!r}"
        share = f"{self.weight:.6g} of the requests of model {self.model!r}"
        if not self.diff:
            return f"{place} already serves {share}; the file is unchanged"
        before = "there was no canary" if self.before is None else f"before, {self.before[0]!r} served {self.before[1]}"
        return f"{place} serves {share} now; {before}\n{self.diff}"


def switch_weight(
    file: Path | str, model: str, backend: str, weight: float, *, registry: Registry | None = None
) -> WeightSwitch:
    """Set ``backend`` as the canary of ``model``, with a share of ``weight``, in the settings ``file``; all else stays.

    Raises:
        UnknownNameError: the file has no such model, or ``registry`` no such backend.
        ConfigurationError: the weight is no share, ``backend`` serves the model or has no options for it, the file cannot be
            edited, or it cannot be written.
    """
    edit = FileEdit(file, model)
    switch = edit_weight(edit, backend, weight, registry)
    edit.write()
    return switch


def edit_weight(edit: FileEdit, backend: str, weight: float, registry: Registry | None) -> WeightSwitch:
    """Make the edit of ``switch_weight`` without writing the file. Raises as ``switch_weight``."""
    edit.check_backend(backend, registry)
    if not 0 <= weight <= 1:
        raise edit.error(f"a weight is a share from 0 to 1, got {weight}", "give a weight from 0 to 1")
    if backend == edit.serving_backend(registry):
        raise edit.error(f"{backend!r} already serves it; --weight gives a share to another backend", "name another backend")
    place: tuple[str, ...] = ("models", edit.model, "canary")
    canary = edit.document.value_at(place)
    before = None
    if isinstance(canary, dict) and canary:
        edit.set(("canary", "backend"), text_scalar(backend), backend)
        edit.set(("canary", "weight"), repr(float(weight)), float(weight), below="backend")
        before, place = (canary.get("backend"), canary.get("weight")), (*place, "weight")
    else:
        written = f"{{backend: {text_scalar(backend)}, weight: {float(weight)!r}}}"
        edit.set(("canary",), written, {"backend": backend, "weight": float(weight)}, below="backend")
    line = edit.document.mark_of_key(place).line
    return WeightSwitch(edit.source, edit.model, backend, before, float(weight), line, edit.diff())
