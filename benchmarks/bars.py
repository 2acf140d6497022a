"""Measured figures with their bars: one line each, JSON for the page about performance, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and the value that we promise.

    Attributes:
        measure: what was measured.
        figure: its value, in ``unit``.
        bar: the value that it must not miss; None for one that is only reported.
        better: which side of the bar is the good one.
        unit: the unit of both.
        stretch: the value that we aim at.
        note: the figures behind it.
    """

    measure: str
    figure: float
    bar: float | None
    better: Literal["lower", "higher"] = "higher"
    unit: str = "x"
    stretch: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """True if the figure is not on the wrong side of its bar."""
        return self.bar is None or (self.figure <= self.bar if self.better == "lower" else self.figure >= self.bar)

    def __str__(self) -> str:
        if self.bar is None:
            promise, verdict = "reported", ""
        else:
            promise = f"bar {'<=' if self.better == 'lower' else '>='} {self.bar:g}"
            promise += "" if self.stretch is None else f", stretch {self.stretch:g}"
            verdict = "within" if self.met else "MISSED"
        note = f"   ({self.note})" if self.note else ""
        return f"{self.measure:62} {self.figure:8.3f} {self.unit:3} {promise:28} {verdict}{note}".rstrip()


def report(found: Sequence[Measured], file: Path | None = None, **more: object) -> int:
    """Print each figure, write all of them and ``more`` to ``file``, and return the exit code: 1 if a bar is missed."""
    print("\n" + "\n".join(map(str, found)))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"measured": [asdict(one) | {"met": one.met} for one in found], **more}, indent=1) + "\n")
    return 0 if found and all(one.met for one in found) else 1
