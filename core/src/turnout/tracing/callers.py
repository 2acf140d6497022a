"""The contexts of callers, in which work for them is traced, whichever thread does it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class CallerContexts(Protocol):
    """Takes the context of a caller, and lets other threads work in it. Thread-safe."""

    def present(self) -> object:
        """Return the context of the calling thread or task."""

    def together(self, waiting: Sequence[object]) -> AbstractContextManager[None]:
        """Let the block run for the requests of all contexts ``waiting``."""

    def beside(self, caller: object) -> AbstractContextManager[None]:
        """Let the block run after the request of ``caller``, which does not get what comes out of it."""


class NoContexts:
    """Callers without contexts, where nothing is traced."""

    def present(self) -> object:
        """Return None."""
        return None

    def together(self, waiting: Sequence[object]) -> AbstractContextManager[None]:
        """Let the block run as it is."""
        return nullcontext()

    def beside(self, caller: object) -> AbstractContextManager[None]:
        """Let the block run as it is."""
        return nullcontext()
