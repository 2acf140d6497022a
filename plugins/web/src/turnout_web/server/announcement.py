"""The names and the example in the first lines of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """The names of the models and pipelines of an app, and the path of an example; None if there is none."""

    models: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    example: str | None = None
