"""Checks what models and steps say to plugins: the names they use, and the options the plugins validate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel

from turnout.errors import suggestion
from turnout.settings.document.document import Document, DocumentPath
from turnout.settings.problems.report import Report
from turnout.settings.problems.validate import validated
from turnout.settings.registry import Registry
from turnout.settings.schema.file import unique_names


class OptionsCheck:
    """Walks over ``values`` even where the schema has found problems, so that a user sees all of them at once.

    Attributes:
        backend_options: validated options by (model, backend).
        step_options: validated options by (pipeline, unique step name).
    """

    def __init__(self, values: Any, document: Document, registry: Registry, report: Report) -> None:
        self._values = values
        self._document = document
        self._registry = registry
        self._report = report
        self.backend_options: dict[tuple[str, str], BaseModel] = {}
        self.step_options: dict[tuple[str, str], BaseModel] = {}

    def run(self) -> None:
        """Check every model and every step."""
        for name, model in self._models().items():
            if isinstance(model, dict):
                self._check_entries(name, model)
                self._check_choice(name, model)
                self._check_others(name, model)
        for name, steps in _mapping(_mapping(self._values).get("pipelines")).items():
            self._check_pipeline(name, steps)

    def _models(self) -> dict[str, Any]:
        return _mapping(_mapping(self._values).get("models"))

    def _check_entries(self, name: str, model: dict[str, Any]) -> None:
        for backend, options in _mapping(model.get("backends")).items():
            kind = self._registry.backend_options(backend)
            if kind is None or not isinstance(options, Mapping | None):
                continue
            path = ("models", name, "backends", backend)
            checked = validated(kind, options or {}, path, self._report)
            if checked is not None:
                self.backend_options[name, backend] = checked

    def _check_choice(self, name: str, model: dict[str, Any]) -> None:
        """Check that the backend of a model is named, is there, and has its options."""
        path: DocumentPath = ("models", name, "backend") if "backend" in model else ("backend",)
        chosen = model.get("backend") if "backend" in model else _mapping(self._values).get("backend")
        entries = _mapping(model.get("backends"))
        if chosen is None and path == ("backend",):
            advice = ", ".join(f"'backend: {entry}'" for entry in entries) or "'backend: <name>'"
            self._report.at_key(("models", name), f"no backend is named; add {advice} here, or a 'backend:' at the top for all")
        if not isinstance(chosen, str) or self._report.broken(path):
            return
        written = str(self._document.value_at(path))
        if self._registry.backend_options(chosen) is None:
            self._report_missing("backend", written, chosen, path)
        elif chosen not in entries:
            note = self._report.at_value if "backend" in model else self._report.at_key
            place: DocumentPath = path if "backend" in model else ("models", name)
            note(place, lambda: _without_options(name, written, entries))

    def _check_others(self, name: str, model: dict[str, Any]) -> None:
        """Check that the other backends that a model may ask are there, and have their options."""
        entries = _mapping(model.get("backends"))
        for keys in (("fallback",), ("shadow", "backend"), ("canary", "backend")):
            path: DocumentPath = ("models", name, *keys)
            chosen: Any = model
            for key in keys:
                chosen = _mapping(chosen).get(key)
            if not isinstance(chosen, str) or self._report.broken(path):
                continue
            written = str(self._document.value_at(path))
            if self._registry.backend_options(chosen) is None:
                self._report_missing("backend", written, chosen, path)
            elif chosen not in entries:
                self._report.at_value(path, partial(_without_options, name, written, entries))

    def _check_pipeline(self, name: str, steps: Any) -> None:
        read = list(_steps(steps))
        names = unique_names([kind for _, kind, _ in read])
        for (position, kind, options), step in zip(read, names, strict=True):
            place = ("pipelines", name, position)
            entry = self._document.value_at(place)
            written = entry if isinstance(entry, str) else kind
            model = self._registry.step_options(kind)
            if model is None:
                self._report_missing("step", written, kind, place)
                continue
            checked = validated(model, options, (*place, written), self._report)
            if checked is not None:
                self.step_options[name, step] = checked
            self._check_model(getattr(checked, "model", None) or options.get("model"), (*place, written, "model"))

    def _check_model(self, model: Any, place: DocumentPath) -> None:
        if isinstance(model, str) and model not in self._models():
            written = str(self._document.value_at(place) or model)
            self._report.at_value(place, lambda: _unknown_model(written, list(self._models())))

    def _report_missing(self, kind: str, written: str, name: str, path: DocumentPath) -> None:
        hint = "" if written == name else ". The environment gives another name than these"
        self._report.at_value(path, lambda: self._registry.why_missing(kind, written) + hint)


def _without_options(name: str, backend: str, entries: Mapping[str, Any]) -> str:
    listed = f"it has: {', '.join(entries) or 'none'}.{suggestion(backend, entries)}"
    return f"{backend!r} has no options under models.{name}.backends; {listed} Add '{backend}: {{...}}' there"


def _unknown_model(model: str, known: Sequence[str]) -> str:
    return f"unknown model {model!r}; known: {', '.join(known) or 'none'}.{suggestion(model, known)}"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _steps(steps: Any) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield position, kind and options of each step that is written as one."""
    for position, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, str):
            yield position, step, {}
        elif isinstance(step, dict) and len(step) == 1:
            ((kind, options),) = step.items()
            if isinstance(options, Mapping | None):
                yield position, kind, dict(options or {})
