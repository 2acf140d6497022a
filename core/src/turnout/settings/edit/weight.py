"""Edits turnout.yaml: which share of a model's requests a second backend takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.errors import UnknownNameError
from turnout.settings.document.document import Document
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.line_edit import text_scalar
from turnout.settings.registry import Registry


@dataclass(frozen=True, slots=True)
class WeightSwitch:
    """What ``switch_weight`` did.

    Attributes:
        file: the file, as the user named it.
        model: the model.
        backend: the backend that takes the share.
        before: the canary before, as written: its backend and weight; None if there was none.
        weight: the share now.
        line: the number of the line of the weight.
        diff: the changed lines as a unified diff; empty if nothing had to change.
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
            return f"{place} takes {share} already; nothing was changed"
        before = "there was no canary" if self.before is None else f"before, {self.before[0]!r} took {self.before[1]}"
        return f"{place} takes {share} now; {before}\n{self.diff}"


def switch_weight(
    file: Path | str, model: str, backend: str, weight: float, *, registry: Registry | None = None
) -> WeightSwitch:
    """Make ``backend`` the canary of ``model``, with a share of ``weight``, in the settings ``file``; all else stays.

    Raises:
        UnknownNameError: the file has no such model, or ``registry`` no such backend.
        ConfigurationError: the weight is no share, ``backend`` serves the model or has no options for it, the file cannot be
            edited, or it cannot be written.
    """
    edit = FileEdit(file, model)
    edit.check_backend(backend)
    if registry is not None and registry.backend_options(backend) is None:
        raise UnknownNameError(registry.why_missing("backend", backend))
    if not 0 <= weight <= 1:
        raise edit.cannot(f"a weight is a share from 0 to 1, got {weight}")
    if backend == _serving(edit.document, model):
        raise edit.cannot(f"{backend!r} serves it already; --weight gives a share to another backend")
    canary = edit.document.value_at(("models", model, "canary"))
    if isinstance(canary, dict) and canary:
        edit.set(("canary", "backend"), text_scalar(backend), backend)
        edit.set(("canary", "weight"), repr(float(weight)), float(weight), below="backend")
        before = canary.get("backend"), canary.get("weight")
        place: tuple[str, ...] = ("models", model, "canary", "weight")
    else:
        written = f"{{backend: {text_scalar(backend)}, weight: {float(weight)!r}}}"
        edit.set(("canary",), written, {"backend": backend, "weight": float(weight)}, below="backend")
        before, place = None, ("models", model, "canary")
    line = edit.document.mark_of_key(place).line
    return WeightSwitch(str(file), model, backend, before, float(weight), line, edit.write())


def _serving(document: Document, model: str) -> object:
    """Return what the file says serves ``model``; a variable as written."""
    return document.value_at(("models", model, "backend")) or document.value_at(("backend",))
