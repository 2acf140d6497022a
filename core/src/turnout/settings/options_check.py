"""The check of models and steps against the plugins: the names of backends and steps, and their options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from turnout.errors import listing, suggestion, unknown_name
from turnout.plugins.known import install_hint
from turnout.settings.document.document import Document, DocumentPath
from turnout.settings.problems.report import Report
from turnout.settings.problems.validate import validate
from turnout.settings.registry import Registry
from turnout.settings.schema.file import unique_names


class OptionsCheck:
    """The check of all models and pipelines in ``values``, also of invalid ones, so that a user sees all problems at once.

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
            valid = validate(kind, options or {}, path, self._report)
            if valid is not None:
                self.backend_options[name, backend] = valid

    def _check_choice(self, name: str, model: dict[str, Any]) -> None:
        """Check that the serving backend of a model is named, is installed, and has options."""
        path: DocumentPath = ("models", name, "backend") if "backend" in model else ("backend",)
        chosen = model.get("backend") if "backend" in model else _mapping(self._values).get("backend")
        if chosen is None and path == ("backend",):
            entries = _mapping(model.get("backends"))
            advice = listing(f"'backend: {entry}'" for entry in entries) if entries else "'backend: <name>'"
            self._report.add_at_key(
                ("models", name), f"no backend is named; add {advice} here, or a 'backend:' at the top for all"
            )
        self._check_backend(name, model, chosen, path)

    def _check_others(self, name: str, model: dict[str, Any]) -> None:
        """Check that the other backends of a model are installed, and have options."""
        for keys in (("fallback",), ("shadow", "backend"), ("canary", "backend")):
            chosen: Any = model
            for key in keys:
                chosen = _mapping(chosen).get(key)
            self._check_backend(name, model, chosen, ("models", name, *keys))

    def _check_backend(self, name: str, model: dict[str, Any], chosen: Any, path: DocumentPath) -> None:
        if not isinstance(chosen, str) or self._report.has_problem(path):
            return
        entries = _mapping(model.get("backends"))
        if self._registry.backend_options(chosen) is None:
            self._report_missing("backend", str(self._document.value_at(path)), chosen, path)
        elif chosen not in entries:
            message = partial(_missing_options_text, name, chosen, entries)
            # The backend at the top is right for other models, so the caret is under the model without options for it.
            if path == ("backend",):
                self._report.add_at_key(("models", name), message)
            else:
                self._report.add_at_value(path, message)

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
            valid = validate(model, options, (*place, written), self._report)
            if valid is not None:
                self.step_options[name, step] = valid
            self._check_model(getattr(valid, "model", None) or options.get("model"), (*place, written, "model"))

    def _check_model(self, model: Any, place: DocumentPath) -> None:
        if isinstance(model, str) and model not in self._models():
            written = str(self._document.value_at(place) or model)
            self._report.add_at_value(place, lambda: str(unknown_name("model", written, self._models())))

    def _report_missing(self, kind: str, written: str, name: str, path: DocumentPath) -> None:
        # A default is text of the file, and the name of a plugin that is not installed is no secret either.
        shown = name if not self._report.is_secret(path) or install_hint(kind, name) else written
        hint = "" if shown == name else ". The value from the environment is not a known name"
        self._report.add_at_value(path, lambda: self._registry.why_missing(kind, shown) + hint)


def _missing_options_text(name: str, backend: str, entries: Mapping[str, Any]) -> str:
    listed = f"it has: {listing(entries)}.{suggestion(backend, entries)}"
    return f"{backend!r} has no options under models.{name}.backends; {listed} Add '{backend}: {{...}}' there"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _steps(steps: Any) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield position, kind and options of each entry that has the form of a step."""
    for position, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, str):
            yield position, step, {}
        elif isinstance(step, dict) and len(step) == 1:
            ((kind, options),) = step.items()
            if isinstance(options, Mapping | None):
                yield position, kind, dict(options or {})
