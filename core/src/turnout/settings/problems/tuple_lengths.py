"""Lists of a fixed length that are too short: pydantic has an error for each entry that is missing."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic_core import ErrorDetails

TUPLE_LENGTH = "tuple_length"
"""The type of the one error that replaces those of the missing entries; ``ctx`` has the ``length`` to have."""


def join_missing_entries(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """Return ``errors`` with one error for each list that lacks entries, at the list."""
    joined: dict[tuple[int | str, ...], ErrorDetails] = {}
    found: list[ErrorDetails] = []
    for details in errors:
        *place, last = details["loc"] or ("",)
        if details["type"] != "missing" or not isinstance(last, int):
            found.append(details)
            continue
        loc = tuple(place)
        if loc not in joined:
            joined[loc] = {"type": TUPLE_LENGTH, "loc": loc, "msg": details["msg"], "input": details["input"], "ctx": {}}
            found.append(joined[loc])
        joined[loc]["ctx"]["length"] = last + 1
    return found
