"""What the settings ask of the plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel


class Registry(Protocol):
    """Knows the backends and steps that plugins bring, and the pydantic model of the options of each."""

    def backend_options(self, name: str) -> type[BaseModel] | None:
        """Return the options of a backend; None if no working plugin brings it."""

    def step_options(self, name: str) -> type[BaseModel] | None:
        """Return the options of a kind of step; None if no working plugin brings it."""

    def known_backends(self) -> Sequence[str]:
        """Return the names of the backends."""

    def known_steps(self) -> Sequence[str]:
        """Return the names of the kinds of steps."""

    def known_variables(self) -> Sequence[str]:
        """Return the environment variables that backends read."""

    def why_missing(self, kind: str, name: str) -> str:
        """Return the message for a ``backend`` or ``step`` that no working plugin brings."""
