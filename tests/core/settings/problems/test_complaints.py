from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyUrl, BaseModel, Field, FiniteFloat, ValidationError, create_model

from turnout.errors import SettingsError
from turnout.settings import load_settings
from turnout.settings.problems.complaints import describe_value, plain_complaint


class Part(BaseModel):
    x: int = 0


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        (str, 1, "must be text"),
        (int, [], "must be a whole number"),
        (int, "x", "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (int, "9" * 5000, "must be a smaller number"),
        (float, "x", "must be a number"),
        (FiniteFloat, float("inf"), "must be a finite number"),
        (Decimal, "x", "must be a number"),
        (bool, "x", "must be true or false"),
        (list[int], 1, "must be a list"),
        (tuple[int, ...], 1, "must be a list"),
        (set[int], 1, "must be a list"),
        (frozenset[int], 1, "must be a list"),
        (dict[str, int], 1, "must be a mapping of keys to values"),
        (Part, 1, "must be a mapping of keys to values"),
        (Path, 1, "must be a path"),
        (AnyUrl, 1, "must be a URL"),
        (AnyUrl, "x", "must be a URL"),
        (None, 1, "must be empty"),
        (Annotated[int, Field(gt=3)], 1, "must be above 3"),
        (Annotated[int, Field(ge=3)], 1, "must be 3 or more"),
        (Annotated[int, Field(lt=3)], 4, "must be below 3"),
        (Annotated[int, Field(le=3)], 4, "must be 3 or less"),
        (Annotated[int, Field(multiple_of=3)], 4, "must be a multiple of 3"),
        (Literal["a", "b"], "c", "must be 'a' or 'b'"),
        (Annotated[str, Field(min_length=2)], "", "must have 2 or more characters"),
        (Annotated[str, Field(max_length=2)], "abc", "must have 2 or fewer characters"),
        (Annotated[str, Field(pattern="^a$")], "b", "must look like '^a$'"),
        (Annotated[list[int], Field(min_length=2)], [], "must have 2 or more entries"),
        (Annotated[list[int], Field(max_length=0)], [1], "must have 0 or fewer entries"),
        (dt.date, "x", ""),
    ],
)
def test_errors_of_pydantic_are_reported_in_plain_words(kind: Any, value: object, complaint: str) -> None:
    model = create_model("Model", field=(kind, ...))

    with pytest.raises(ValidationError) as caught:
        model(field=value)

    (details,) = caught.value.errors()
    assert plain_complaint(details["type"], details.get("ctx", {})) == complaint


def test_values_are_described_as_they_are_written() -> None:
    values: tuple[object, ...] = (None, True, {}, [], [1], "a'b", 1.5)

    assert [describe_value(value) for value in values] == [
        "nothing",
        "true",
        "a mapping",
        "an empty list",
        "a list",
        '"a\'b"',
        "1.5",
    ]


def test_an_error_without_plain_words_keeps_those_of_pydantic(registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = create_model("Options", day=(dt.date, ...))
    monkeypatch.setattr(registry, "backends", {"direct": options})

    with pytest.raises(SettingsError, match=r"models\.m\.backends\.direct\.day: Input should be a valid date"):
        load_settings({"models": {"m": {"backend": "direct", "backends": {"direct": {"day": "x"}}}}}, registry=registry)
