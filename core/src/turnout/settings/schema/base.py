"""The base of the settings models: strict, frozen, silent about values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from turnout.plugins.options import Options

PROBLEM = "turnout_settings"
"""The type of the validation errors whose text is written in these modules."""

Fraction = Annotated[float, Field(ge=0, le=1)]
"""A share of requests, elements or positions."""


def problem(text: str) -> PydanticCustomError:
    """Return a validation error with the message ``text``, which must not contain the value: the report adds it as written."""
    return PydanticCustomError(PROBLEM, "{text}", {"text": text})


class SettingsModel(Options):
    """A part of the settings; its repr shows no value, because a value may be a secret."""

    @field_validator("*", mode="before")
    @classmethod
    def _check_present(cls, value: Any) -> Any:
        if value is None:
            raise problem("has no value; give it one, or remove the key")
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema without ``null``: a field that is None by default may be absent, but not empty."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        properties.update({name: _drop_null(part) for name, part in properties.items()})
        return schema

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return ((name, ...) for name in sorted(self.model_fields_set))


def _drop_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of a field without ``null`` in its union and as its default."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds}) if kinds else rest
