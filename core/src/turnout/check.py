"""Proving that the parts of an app can work, before any request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.app import Turnout, assemble
from turnout.errors import TurnoutError
from turnout.inference import ModelSignature


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing: ``what`` is ``settings``, ``pipeline`` or ``model``."""

    what: str
    name: str
    ok: bool
    text: str


def check_app(source: Path, *, deep: bool = False) -> list[Finding]:
    """Return a finding for the settings, for every pipeline and, if ``deep``, for every opened model.

    Raises:
        SettingsError: the file itself is wrong; nothing else can be checked.
    """
    with assemble(source) as app:
        findings = [Finding("settings", str(source), True, f"{len(app.models)} models, {len(app.pipelines)} pipelines")]
        findings += [_check_pipeline(app, name) for name in app.pipelines]
        if deep:
            findings += [_check_model(app, name) for name in app.models]
        return findings


def _check_pipeline(app: Turnout, name: str) -> Finding:
    try:
        plan = app.pipeline(name).plan
    except TurnoutError as error:
        return Finding("pipeline", name, False, str(error))
    optional = [f"[{given}]" for given in plan.optional_inputs]
    return Finding("pipeline", name, True, f"takes {' '.join((*plan.inputs, *optional))}; steps {', '.join(plan.steps)}")


def _check_model(app: Turnout, name: str) -> Finding:
    try:
        signature = app.model(name).signature()
    except TurnoutError as error:
        return Finding("model", name, False, str(error))
    return Finding("model", name, True, f"{app.model(name).backend}: {describe_signature(signature)}")


def describe_signature(signature: ModelSignature) -> str:
    """Return inputs and outputs in one line."""
    sides = [", ".join(f"{spec.name} {spec}" for spec in side) or "?" for side in (signature.inputs, signature.outputs)]
    return " -> ".join(sides)
