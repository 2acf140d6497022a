"""The counts of a run over pictures, and its errors, each with the number of its pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import shown

if TYPE_CHECKING:
    from turnout_vision.runs.picture_run import PictureOutcome

OK, SOME_FAILED, UNREACHABLE = 0, 1, 3

_NAMES = 20
MOST_PROBLEMS = 20


@dataclass(slots=True)
class Tally:
    """The counts of answered, failed and skipped pictures.

    Attributes:
        problems: the pictures of each error with their own text of it, in the order of their first.
        unreadable: True if a folder could not be read.
    """

    answered: int = 0
    failed: int = 0
    skipped: int = 0
    unreachable: bool = False
    unreadable: bool = False
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    def add(self, outcome: PictureOutcome) -> None:
        """Count a picture, and keep its errors."""
        record = outcome.record
        self.unreachable |= outcome.unavailable is not None
        if record["ok"]:
            self.answered += 1
            return
        self.failed += 1
        problems = [failure["error"] for failure in record["failures"]]
        # The error of a run without an answer repeats those of its requests.
        if "error" in record and not any(problem in record["error"] for problem in problems):
            problems.insert(0, record["error"])
        for problem in dict.fromkeys(problems):
            self.problems.setdefault(_without_name(problem, record["image"]), {})[record["image"]] = problem

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self.unreachable:
            return UNREACHABLE
        return SOME_FAILED if self.failed or self.unreadable else OK

    def __str__(self) -> str:
        problems = [shown(_describe(kind, texts)) for kind, texts in islice(self.problems.items(), MOST_PROBLEMS)]
        if len(self.problems) > MOST_PROBLEMS:
            problems.append(f"and {len(self.problems) - MOST_PROBLEMS} more errors, which the results contain")
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        seconds = time.monotonic() - self.start
        return "\n".join([*problems, f"{self.answered} answered, {self.failed} failed{skipped} in {seconds:.1f} s"])


def _without_name(problem: str, picture: str) -> str:
    """Return ``problem`` without the name of its picture: what is left is the same for all pictures that it concerns."""
    return problem.replace(f"{picture!r} ", "").replace(f"{str(Path(picture))!r} ", "")


def _describe(kind: str, texts: Mapping[str, str]) -> str:
    if len(texts) == 1:
        return "".join(f"{picture}: {text}" for picture, text in texts.items())
    more = f" and {len(texts) - _NAMES} more" if len(texts) > _NAMES else ""
    return f"{len(texts)} pictures: {kind} ({', '.join(list(texts)[:_NAMES])}{more})"
