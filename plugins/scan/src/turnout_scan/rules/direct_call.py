"""Direct calls of models in this process."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.calls import RAW, SPLIT, named_call
from turnout_scan.changes.change import Change
from turnout_scan.context.code_base import CodeBase
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.kinds import TORCH


def _find(base: CodeBase) -> Iterator[Finding]:
    for run in base.runs:
        line = run.load.module.place(run.load.call).line
        what = f"{run.load.title}(), loaded at {run.load.module.file.name}:{line}, runs here by {run.method or 'a call'}"
        if run.load.family in ("other", "diffusers"):
            change = Change("Turnout has no backend for this library: write one, as docs/how-to/write-a-backend.md shows.")
        elif run.load.family in RAW:
            change = Change(SPLIT, python=named_call(base, run))
        else:
            arrays = " Inputs and outputs are numpy arrays." if run.load.family in TORCH else ""
            change = Change(
                f"Call the model by its name, from turnout.open('turnout.yaml').{arrays}", python=named_call(base, run)
            )
        yield Finding(run.module, run.call, what, change)


RULE = Rule(
    "direct-call",
    "medium",
    "The library, the process and the machine of the model are fixed in the code: nothing can batch, measure or move it.",
    _find,
)
