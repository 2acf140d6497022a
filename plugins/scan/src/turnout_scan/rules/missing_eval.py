"""Torch modules that are run in training mode."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.change import Change
from turnout_scan.changes.names import model_name
from turnout_scan.context.code_base import CodeBase
from turnout_scan.rules.finding import Finding, Rule

# transformers and sentence_transformers call eval() themselves; a TorchScript file keeps the mode that it was saved in.
_SWITCHES = frozenset({"eval", "train"})
_FAMILIES = frozenset({"own", "torch", "torchvision", "timm", "hub", "open_clip"})


def _find(base: CodeBase) -> Iterator[Finding]:
    found = {run.load: run for run in base.runs if run.load.family in _FAMILIES and not base.has(run.load, _SWITCHES)}
    for load, run in found.items():
        what = (
            f"{load.title}() is run at {run.module.file.name}:{run.module.place(run.call).line}, and nothing calls eval() on it"
        )
        name = model_name(base, load)
        change = Change(
            "Call eval() once, after the weights are loaded. The backend direct does so itself.", python=f"{name}.eval()"
        )
        yield Finding(load.module, load.call, what, change)


RULE = Rule(
    "missing-eval",
    "high",
    "A module begins in training mode: with dropout and batch normalization its answers differ from call to call.",
    _find,
)
