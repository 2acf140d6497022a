"""The base of the settings' models: strict, frozen, silent about values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator
from pydantic_core import PydanticCustomError

PROBLEM = "turnout_settings"
"""The type of the validation errors that are worded here."""


def problem(text: str) -> PydanticCustomError:
    """Return a validation error with the message ``text``, which must not hold the value: the report adds what was written."""
    return PydanticCustomError(PROBLEM, "{text}", {"text": text})


def _refuse_truth_and_fractions(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise problem("must be a whole number")
    return value


WholeNumber = Annotated[int, BeforeValidator(_refuse_truth_and_fractions, json_schema_input_type=int)]


class SettingsModel(BaseModel):
    """A part of the settings; its repr shows no value, since a value may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_empty(cls, value: Any) -> Any:
        if value is None:
            raise problem("has no value; give it one, or remove the key")
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return ((name, ...) for name in sorted(self.model_fields_set))
