"""The base of a plugin's options: strict, frozen, silent about values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema


def _check_int(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise PydanticKnownError("int_type")
    return value


def _check_float(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = {"int": _check_int, "float": _check_float}


def _strict(node: Any) -> Any:
    """Return a core schema whose numbers refuse the booleans and fractions that pydantic would convert."""
    if isinstance(node, list | tuple):
        return type(node)(_strict(part) for part in node)
    if not isinstance(node, dict):
        return node
    kind = node.get("type")
    if kind == "function-before" and node["function"].get("function") in _CHECKS.values():
        return node  # a nested Options has done it already
    # Lists and unions nest their item schemas, so a number may be anywhere below; "metadata" holds no schema.
    strict: Any = {key: part if key == "metadata" else _strict(part) for key, part in node.items()}
    if isinstance(kind, str) and kind in _CHECKS:
        return core_schema.no_info_before_validator_function(_CHECKS[kind], strict)
    return strict


class Options(BaseModel):
    """The options of a backend or a step in turnout.yaml, validated by pydantic. Immutable, so thread-safe.

    An unknown key is an error. ``true`` and ``false`` are not numbers, here and in every field below, and a whole number has no
    fraction; a number written as text is accepted, because ``${VARIABLE}`` puts text into the file. A validation error does not
    carry the value, which may be a secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = _strict(handler(source))
        return schema
