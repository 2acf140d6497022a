"""The evidence for a model's stage, in words."""

from __future__ import annotations

from dataclasses import replace

from turnout.commands.status.facts import ModelFacts, ParityProof, PublishedVersion

DIGITS_OF_FINGERPRINT = 12


def describe_evidence(facts: ModelFacts) -> dict[str, str]:
    """Return one line for each kind of evidence that there is, by its name."""
    rows = {
        "serves": _format_arms(facts),
        "exported": _format_version(facts),
        "verified": _format_verify(facts),
        "recorded": str(facts.recorded or ""),
        "shadow": _format_shadow(facts),
        **{f"on {state.backend}": state.text for state in facts.servers},
    }
    return {name: text for name, text in rows.items() if text}


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
