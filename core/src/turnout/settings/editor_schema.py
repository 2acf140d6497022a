"""The JSON schema of turnout.yaml for editors, with the options of the plugins that are installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from turnout.settings.registry import Registry
from turnout.settings.schema.file import Settings

_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_SCALARS = ("integer", "number", "boolean")
_RESTRICTIONS = ("enum", "const", "pattern", "format", "minLength", "maxLength")


def json_schema(registry: Registry) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of turnout.yaml, knowing the backends and steps of ``registry``.

    Every scalar may be written with a variable, ``${NAME}``. Options of backends that are not installed are not checked.
    """
    backends = {name: registry.backend_options(name) for name in registry.known_backends()}
    steps = {name: registry.step_options(name) for name in registry.known_steps()}
    kinds = list(dict.fromkeys(kind for kind in (Settings, *backends.values(), *steps.values()) if kind is not None))
    references, definitions = models_json_schema([(kind, "validation") for kind in kinds])
    options = {kind: references[kind, "validation"] for kind in kinds}
    shared: dict[str, Any] = {name: _with_variables(part) for name, part in definitions["$defs"].items()}
    shared["StepSettings"] = _step_schema({name: (kind, options[kind]) for name, kind in steps.items() if kind})
    model = shared["ModelSettings"]["properties"]
    model["backend"] = shared["Settings"]["properties"]["backend"] = _backend_schema(list(backends))
    model["backends"] |= {"properties": {name: _nullable(kind, options[kind]) for name, kind in backends.items() if kind}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "turnout.yaml",
        "$ref": options[Settings]["$ref"],
        "$defs": shared,
    }


def _backend_schema(known: Sequence[str]) -> dict[str, Any]:
    return {"description": "What runs the model.", "anyOf": [{"enum": list(known)}, _VARIABLE]}


def _step_schema(steps: dict[str, tuple[type[BaseModel], dict[str, Any]]]) -> dict[str, Any]:
    bare = [name for name, (kind, _) in steps.items() if not _requires(kind)]
    with_options = {name: _nullable(kind, reference) for name, (kind, reference) in steps.items()}
    one = {"type": "object", "properties": with_options, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
    return {"description": "A step, by its name or with its options.", "anyOf": [{"enum": bare}, _VARIABLE, one]}


def _nullable(kind: type[BaseModel], reference: dict[str, Any]) -> dict[str, Any]:
    return reference if _requires(kind) else {"anyOf": [reference, {"type": "null"}]}


def _requires(kind: type[BaseModel]) -> bool:
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
