"""Failures of a command that works on several models: one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from turnout.cli.exits import exit_code, next_step
from turnout.cli.invocation import current_invocation
from turnout.cli.printing import print_line, print_next


class Failures:
    """The failures of one command line, each with its exit code and the next step."""

    def __init__(self) -> None:
        self._codes: list[int] = []
        self._steps: list[str] = []

    def add(self, code: int, step: str) -> None:
        """Add a failure that was printed already."""
        self._codes.append(code)
        self._steps.append(step)

    def catch(self, model: str, work: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        """Return what ``work`` returns for ``model``, in JSON; if it raises, print and add the error, and return that."""
        from turnout.errors import TurnoutError

        try:
            return work(model)
        except TurnoutError as error:
            print_line("FAIL", f"model {model!r}: {error}")
            self.add(exit_code(error), next_step(error, current_invocation()))
            return {"model": model, "error": str(error)}

    def as_json(self) -> dict[str, Any]:
        """Return the step after the first failure, and the exit code."""
        return {"next": self._steps[0] if self._steps else None, "exit_code": max(self._codes, default=0)}

    def end(self) -> None:
        """Print the step after the first failure and exit with the greatest code; do nothing if there is no failure."""
        if self._codes:
            print_next(self._steps[0])
            raise SystemExit(max(self._codes))
