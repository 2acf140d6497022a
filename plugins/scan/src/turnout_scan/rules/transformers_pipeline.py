"""The ``pipeline()`` of transformers."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.calls import SPLIT, pipeline_call
from turnout_scan.changes.change import Change
from turnout_scan.changes.settings import settings_for
from turnout_scan.context.code_base import CodeBase
from turnout_scan.rules.finding import Finding, Rule


def _find(base: CodeBase) -> Iterator[Finding]:
    for load in base.loads:
        if load.family == "pipeline":
            line = pipeline_call(base, load, load.module)
            yield Finding(
                load.module,
                load.call,
                f"{load.title}() joins preprocessing, model and decoding",
                Change(SPLIT, settings_for(base, load), line),
            )


RULE = Rule(
    "transformers-pipeline",
    "low",
    "A server runs models on tensors; what this object does before and after the model stays in one piece with it.",
    _find,
)
