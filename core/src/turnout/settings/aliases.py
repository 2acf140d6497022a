"""Other names of backends, such as the name of the library behind one: settings are read with the backend's own name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from turnout.settings.document.document import Document, DocumentPath

_Place = TypeVar("_Place")

Rename = Callable[[str], str]
"""Returns a backend's own name for any of its names; another text unchanged."""


def rename_backends(values: Any, rename: Rename) -> Any:
    """Return ``values`` of a settings file with the own name of each backend, as a value or as a key."""
    if not isinstance(values, dict):
        return values
    models = values.get("models")
    renamed = _rename_value(values, "backend", rename)
    if isinstance(models, dict):
        renamed["models"] = {name: _rename_model(model, rename) for name, model in models.items()}
    return renamed


def rename_document(document: Document, rename: Rename) -> Document:
    """Return ``document`` with the own name of each backend; the places stay those of the text."""
    keys = {path: _rename_path(document, path, rename) for path in (*document.keys, *document.marks)}
    if all(path == renamed for path, renamed in keys.items()):
        return document

    def moved(places: Mapping[DocumentPath, _Place]) -> dict[DocumentPath, _Place]:
        return {keys.get(path, path): place for path, place in places.items()}

    return replace(
        document,
        values=rename_backends(document.values, rename),
        keys=moved(document.keys),
        marks=moved(document.marks),
        ends=moved(document.ends),
    )


def duplicates(document: Document, rename: Rename) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the path of each entry of a backend that the model has under its own name too, with the message."""
    models = document.value_at(("models",))
    for model in models if isinstance(models, dict) else ():
        entries = document.value_at(("models", model, "backends"))
        for name in entries if isinstance(entries, dict) else ():
            own = rename(name)
            if own != name and own in entries:
                yield ("models", model, "backends", name), f"{name!r} is another name of {own!r}, which is here too; keep one"


def _rename_model(model: Any, rename: Rename) -> Any:
    if not isinstance(model, dict):
        return model
    renamed = _rename_value(_rename_value(model, "backend", rename), "fallback", rename)
    for key in ("shadow", "canary"):
        if isinstance(renamed.get(key), dict):
            renamed[key] = _rename_value(renamed[key], "backend", rename)
    if isinstance(renamed.get("backends"), dict):
        entries = renamed["backends"]
        renamed["backends"] = {_rename_key(name, entries, rename): options for name, options in entries.items()}
    return renamed


def _rename_value(values: dict[str, Any], key: str, rename: Rename) -> dict[str, Any]:
    name = values.get(key)
    return values | {key: rename(name)} if isinstance(name, str) else dict(values)


def _rename_key(name: Any, entries: Mapping[str, Any], rename: Rename) -> Any:
    own = rename(name) if isinstance(name, str) else name
    return name if own in entries else own


def _rename_path(document: Document, path: DocumentPath, rename: Rename) -> DocumentPath:
    if len(path) < 4 or path[0] != "models" or path[2] != "backends":
        return path
    return (*path[:3], _rename_key(path[3], document.value_at(path[:3]) or {}, rename), *path[4:])
