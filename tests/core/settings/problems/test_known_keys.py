from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from turnout.settings.problems.known_keys import known_keys


class Inner(BaseModel):
    deep: int
    class_: str = Field("", alias="class")


class Other(BaseModel):
    flat: int


class Outer(BaseModel):
    one: Inner
    maybe: Inner | None = None
    either: Inner | Other
    listed: list[Inner]
    several: tuple[Inner, ...]
    named: dict[str, Annotated[Inner, Field()]]
    plain: int
    open: dict[str, int]


def test_keys_are_found_through_every_kind_of_container() -> None:
    inner = ["class", "deep"]

    assert known_keys(Outer, ("one",)) == inner
    assert known_keys(Outer, ("maybe",)) == inner
    assert known_keys(Outer, ("either",)) == ["class", "deep", "flat"]
    assert known_keys(Outer, ("listed", 3)) == inner
    assert known_keys(Outer, ("several", 3)) == inner
    assert known_keys(Outer, ("named", "x")) == inner
    assert "listed" in known_keys(Outer, ())


def test_a_mapping_with_any_keys_has_no_known_ones() -> None:
    assert known_keys(Outer, ("plain",)) == []
    assert known_keys(Outer, ("open", "x")) == []
    assert known_keys(Outer, ("nowhere", "x")) == []
