"""The JSON schema of turnout.yaml for editors, with the options of the installed plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from turnout.settings.registry import Registry
from turnout.settings.schema.canary import CanarySettings
from turnout.settings.schema.file import ModelSettings, Settings, StepSettings
from turnout.settings.schema.shadow import ShadowSettings

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_SCALARS = ("integer", "number", "boolean")
_RESTRICTIONS = ("enum", "const", "pattern", "format", "minLength", "maxLength")
_BACKEND_KEYS = (
    (Settings, "backend"),
    (ModelSettings, "backend"),
    (ModelSettings, "fallback"),
    (ShadowSettings, "backend"),
    (CanarySettings, "backend"),
)

Options = type[BaseModel]
Schema = dict[str, Any]


def json_schema(registry: Registry) -> Schema:
    """Return the JSON schema (draft 2020-12) of turnout.yaml with the backends and steps of ``registry``.

    Every scalar may contain a variable, ``${NAME}``. Options of backends that are not installed are not checked. The schema
    accepts only the plain spelling: ``8`` and ``true``, while the loader also accepts ``"8"`` and ``yes``.
    """
    backends = {name: kind for name in registry.known_backends() if (kind := registry.backend_options(name))}
    steps = {name: kind for name in registry.known_steps() if (kind := registry.step_options(name))}
    own = (StepSettings, *(owner for owner, _ in _BACKEND_KEYS))
    kinds = list(dict.fromkeys((*own, *backends.values(), *steps.values())))
    references, definitions = models_json_schema([(kind, "validation") for kind in kinds])
    options = {kind: references[kind, "validation"] for kind in kinds}
    shared = {name: _with_variables(part) for name, part in definitions["$defs"].items()}
    for owner, key in _BACKEND_KEYS:
        _add_backends(shared[_name_of(options[owner])]["properties"], key, list(backends))
    entries = {name: _nullable(kind, options[kind]) for name, kind in backends.items()}
    shared[_name_of(options[ModelSettings])]["properties"]["backends"]["properties"] = entries
    shared[_name_of(options[StepSettings])] = _step_schema(steps, options)
    return {"$schema": _DRAFT, "title": "turnout.yaml", "$ref": options[Settings]["$ref"], "$defs": shared}


def _name_of(reference: Schema) -> str:
    # The class's name is not enough: if a plugin has a class ModelSettings too, pydantic makes longer names for both.
    return str(reference["$ref"]).removeprefix("#/$defs/")


def _add_backends(properties: Schema, key: str, known: Sequence[str]) -> None:
    """Replace the schema of ``key`` with a choice of the ``known`` backends."""
    written = properties[key]
    description = written.get("description") or written["anyOf"][0]["description"]
    properties[key] = {"description": description, "anyOf": [{"enum": list(known)}, _VARIABLE]}


def _step_schema(steps: Mapping[str, Options], references: Mapping[Options, Schema]) -> Schema:
    bare = [name for name, kind in steps.items() if not _requires(kind)]
    entries = {name: _nullable(kind, references[kind]) for name, kind in steps.items()}
    one = {"type": "object", "properties": entries, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
    return {"description": "A step, by its name or with its options.", "anyOf": [{"enum": bare}, _VARIABLE, one]}


def _nullable(kind: Options, reference: Schema) -> Schema:
    return reference if _requires(kind) else {"anyOf": [reference, {"type": "null"}]}


def _requires(kind: Options) -> bool:
    return any(field.is_required() for field in kind.model_fields.values())


def _with_variables(schema: Any) -> Any:
    """Return ``schema`` with a variable allowed wherever a scalar is restricted."""
    if isinstance(schema, list):
        return [_with_variables(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _inner(key, part) for key, part in schema.items()}
    if schema.get("type") in _SCALARS or (
        schema.get("type", "string") == "string" and not schema.keys().isdisjoint(_RESTRICTIONS)
    ):
        return {"anyOf": [inner, _VARIABLE]}
    return inner


def _inner(key: str, part: Any) -> Any:
    if key in ("properties", "$defs", "patternProperties"):
        return {name: _with_variables(inner) for name, inner in part.items()}
    return _with_variables(part) if key in ("items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties") else part
