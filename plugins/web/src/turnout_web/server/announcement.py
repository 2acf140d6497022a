"""The names that a server serves, for its first lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """The names of the models and pipelines of an app."""

    models: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
