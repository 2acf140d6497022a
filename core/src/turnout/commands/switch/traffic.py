"""The backends that a model's requests reach, as the text of a settings file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from turnout.settings.document.document import child_of
from turnout.settings.edit.block import model_lines
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.registry import Registry
from turnout.settings.schema.shadow import ShadowSettings

SWITCHED = ("backend", "canary", "version")
"""The keys of a model that a switch changes."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The part of a model's settings that a switch changes.

    Attributes:
        keys: the values of ``backend``, ``canary`` and ``version`` as written, of those that the file has.
        backend: the own name of the serving backend.
        lines: the lines of the model.
    """

    keys: Mapping[str, Any]
    backend: str
    lines: str


@dataclass(frozen=True, slots=True)
class Serving:
    """The backends of a model by their part; None for a part that the model does not have."""

    backend: str
    canary: str | None = None
    weight: float = 0.0
    shadow: str | None = None
    fraction: float = 0.0
    fallback: str | None = None
    version: str = ""

    def shares(self) -> dict[str, float]:
        """Return the share of the requests that each backend answers."""
        if self.canary is None or self.canary == self.backend:
            return {self.backend: 1.0}
        return {self.backend: 1.0 - self.weight, self.canary: self.weight}

    def lines(self, model: str) -> Iterator[str]:
        """Yield the block that shows a user who answers."""
        yield f"{model} serves:"
        yield f"  backend   {self.backend}"
        if self.canary is not None:
            yield f"  canary    {self.canary}, weight {self.weight:g}{self._idle(self.canary)}"
        if self.shadow is not None:
            yield f"  shadow    {self.shadow}, fraction {self.fraction:g}{self._idle(self.shadow)}"
        if self.fallback is not None:
            yield f"  fallback  {self.fallback}{self._idle(self.fallback)}"
        if self.version:
            yield f"  version   {self.version}"

    def as_json(self) -> dict[str, Any]:
        """Return the parts in types of JSON."""
        canary = {"backend": self.canary, "weight": self.weight} if self.canary is not None else None
        shadow = {"backend": self.shadow, "fraction": self.fraction} if self.shadow is not None else None
        others = {"fallback": self.fallback, "version": self.version or None}
        return {"backend": self.backend, "canary": canary, "shadow": shadow} | others

    def _idle(self, backend: str) -> str:
        return " (no effect: it is the serving backend)" if backend == self.backend else ""


def serving_of(edit: FileEdit, registry: Registry | None) -> Serving:
    """Return the backends of the model of ``edit`` after the edits so far, with variables substituted, by their own names."""
    model = edit.resolved(registry)["models"][edit.model] or {}
    canary, shadow = child_of(model, "canary", None), child_of(model, "shadow", None)
    return Serving(
        edit.serving_backend(registry),
        _name(child_of(canary, "backend", None)),
        _share(child_of(canary, "weight", None), 0.0),
        _name(child_of(shadow, "backend", None)),
        _share(child_of(shadow, "fraction", None), ShadowSettings.model_fields["fraction"].default),
        _name(child_of(model, "fallback", None)),
        _name(child_of(model, "version", None)) or "",
    )


def traffic_of(edit: FileEdit, registry: Registry | None) -> Traffic:
    """Return what a switch changes, after the edits so far."""
    model = edit.document.value_at(("models", edit.model)) or {}
    start, end = model_lines(edit.document, edit.model)
    keys = {key: model[key] for key in SWITCHED if key in model}
    return Traffic(keys, edit.serving_backend(registry), edit.document.text[start:end])


def _name(value: object) -> str | None:
    return None if value is None else str(value)


def _share(value: Any, default: float) -> float:
    """Return a share; a wrong one is reported when the file is loaded."""
    with suppress(TypeError, ValueError):
        return float(value)
    return default
