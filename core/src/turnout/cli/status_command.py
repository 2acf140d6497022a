"""``turnout status``: show the stage of each model and the next command to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.cli.exits import UNREACHABLE
from turnout.cli.invocation import current_invocation
from turnout.cli.options import config_option, examples, json_option, optional_model_argument
from turnout.cli.printing import print_json
from turnout.shown_text import LONGEST_STEP, shown

if TYPE_CHECKING:
    from turnout.commands.status import ModelFacts, ModelStatus, ParityProof, PublishedVersion

DIGITS_OF_FINGERPRINT = 12


@click.command("status", epilog=examples("status"))
@optional_model_argument
@config_option
@json_option
def command(model: str | None, config: Path, as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """Show the stage of MODEL, or of every model, on its way to a server, the evidence for it, and the next command to type.

    Stages: 1 abstract, 2 exported, 3 served, 4 tuned. Opens no model. Exit 3 if the server of a model cannot be reached and
    the model has no fallback that answers.
    """
    from turnout.commands.status import status_of_file

    found = status_of_file(config, model)
    if as_json:
        print_json([status.as_json() for status in found])
    else:
        click.echo("\n\n".join("\n".join(_lines(status)) for status in found))
    if any(status.unavailable for status in found):
        raise SystemExit(UNREACHABLE)


def _lines(status: ModelStatus) -> Iterator[str]:
    facts = status.facts
    yield f"{shown(facts.model)}: stage {status.stage:d} of 4, {status.stage.name.lower()}"
    rows = {
        "serves": _format_arms(facts),
        "exported": _format_version(facts),
        "verified": _format_verify(facts),
        "recorded": facts.recorded,
    }
    line = current_invocation()
    servers = {f"on {state.backend}": line.suggest_within(state.text, facts.model) for state in facts.servers}
    rows |= {"shadow": _format_shadow(facts)} | servers
    yield from (shown(f"  {name:<10}{text}") for name, text in rows.items() if text)
    yield click.style(shown(f"  {'next':<10}{line.suggest(status.next.command)}", LONGEST_STEP), bold=True)
    yield shown(f"  {'':<10}{line.suggest_within(status.next.why, facts.model)}")


def _format_arms(facts: ModelFacts) -> str:
    parts = [facts.backend]
    parts += [f"fallback {facts.fallback}"] if facts.has_fallback else []
    parts += [f"canary {facts.canary} {facts.weight:g}"] if facts.canary else []
    parts += [f"shadow {facts.shadowed}"] if facts.shadowed else []
    return ", ".join([*parts, *facts.tuning])


def _format_version(facts: ModelFacts) -> str:
    version = facts.version
    if version is None:
        return f"no version in {facts.folder}"
    fingerprint = version.fingerprint[:DIGITS_OF_FINGERPRINT]
    text = f"version {version.number}, {version.file}, {_format_time(version.written)}, fingerprint {fingerprint}"
    by_verify = facts.verify is not None and facts.verify.holds
    proof = _format_proof(facts.export, version) or ("" if by_verify else "not proved at export")
    return f"{text}; {proof}" if proof else text


def _format_verify(facts: ModelFacts) -> str:
    proof = facts.verify
    if proof is not None and facts.version is None and facts.has_parity(facts.backend):
        proof = replace(proof, current=True)  # it is about the files of the backends, without a model repository
    return _format_proof(proof, facts.version) or "never; turnout verify compares backends"


def _format_proof(proof: ParityProof | None, version: PublishedVersion | None) -> str:
    if proof is None or proof.verdict == "dropped":
        return ""
    if version is not None and proof.other_version is not None:
        at = _format_time(proof.at)
        return f"version {version.number} was not compared; {proof.verdict} {at} is of version {proof.other_version}"
    since = "" if proof.current else "; the files have changed since"
    return f"{proof.verdict} {_format_time(proof.at)}{': ' if proof.text else ''}{proof.text}{since}"


def _format_shadow(facts: ModelFacts) -> str:
    shadow = facts.shadow
    if shadow is None:
        return "no comparison yet" if facts.shadowed else ""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in shadow.verdicts.items() if count)
    speed = f", p95 {shadow.p95_ratio:.2f} x" if shadow.p95_ratio is not None else ""
    verdict = shadow.promotion if shadow.current else "of other settings or another version"
    return f"{shadow.shadow} against {shadow.primary}: {verdict}; {counts or 'none'}{speed}; {_format_time(shadow.updated)}"


def _format_time(written: str) -> str:
    """Return a time in UTC without seconds."""
    return written[:16].replace("T", " ")
