"""The option ``into``: the name that a step writes to."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

_READ = ("image", "picture", "regions", "question", "texts", "embedding", "embeddings")


def _check_into(into: str) -> str:
    if into in _READ:
        raise ValueError(f"{into!r} is the name of an input of a picture step; choose another")
    return into


Into = Annotated[str, Field(min_length=1), AfterValidator(_check_into)]
