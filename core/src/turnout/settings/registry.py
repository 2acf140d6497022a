"""The interface through which settings look up plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel


class Registry(Protocol):
    """The backends and steps of the installed plugins, with the pydantic model of the options of each."""

    def backend_options(self, name: str) -> type[BaseModel] | None:
        """Return the class of a backend's options; None if no working plugin provides the backend."""

    def backend_name(self, name: str) -> str:
        """Return the own name of the backend that ``name`` is another name of; ``name`` itself if it is none."""

    def step_options(self, name: str) -> type[BaseModel] | None:
        """Return the class of a step's options; None if no working plugin provides the step."""

    def known_backends(self) -> Sequence[str]:
        """Return the names of the backends."""

    def known_steps(self) -> Sequence[str]:
        """Return the names of the steps."""

    def known_variables(self) -> Sequence[str]:
        """Return the environment variables that backends and commands read."""

    def why_missing(self, kind: str, name: str) -> str:
        """Return the message for a ``backend`` or ``step`` that no working plugin provides."""
