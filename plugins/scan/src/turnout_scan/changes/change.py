"""The change that a finding asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """The change that a finding asks for.

    Attributes:
        text: in words.
        yaml: for turnout.yaml, whole and valid; empty if nothing of it changes.
        python: lines of Python that take the place of the present ones; empty if none do.
    """

    text: str
    yaml: str = ""
    python: str = ""
