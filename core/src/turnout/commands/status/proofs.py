"""The newest version in a model's folder, and the evidence that proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.commands.paths import display_path
from turnout.commands.status.facts import ParityProof, PublishedVersion
from turnout.repository.evidence import Evidence, fingerprint
from turnout.repository.versions import evident_version


def newest_version(folder: Path | None, base: Path, evidence: Sequence[Evidence | None]) -> PublishedVersion | None:
    """Return the newest version in ``folder`` that its version policy serves; None if there is none that can be read.

    The fingerprint reads every file, gigabytes for a large model; it is reused from ``evidence`` if no file has changed since.
    """
    try:
        number = evident_version(folder) if folder is not None else None
        if folder is None or number is None:
            return None
        version = folder / str(number)
        files = sorted(file for file in version.rglob("*") if file.is_file())
        states = [file.stat() for file in files]
        if not files:
            return None
        # ctime too: tools that copy a file may set an old mtime, ctime they cannot set.
        changed = max(max(state.st_mtime, state.st_ctime) for state in (version.stat(), *states))
        reusable = (_reusable_fingerprint(one, number, changed) for one in evidence)
        sha256 = next(filter(None, reusable), None) or fingerprint(version)
    except OSError:
        return None
    model_file = next((file for file in files if file.stem == "model"), files[0])
    written = max(state.st_mtime for state in states)
    return PublishedVersion(number, display_path(model_file, base), format_utc(written), sha256)


def _reusable_fingerprint(evidence: Evidence | None, number: int, changed: float) -> str | None:
    """Return the fingerprint of version ``number`` in ``evidence``; None if a file ``changed`` since."""
    if evidence is None or not isinstance(evidence.facts, Mapping) or evidence.facts.get("version") != number:
        return None
    try:
        at = datetime.fromisoformat(evidence.at).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    sha256 = evidence.facts.get("sha256")
    return sha256 if changed < at and isinstance(sha256, str) and sha256 else None


def proof_of(evidence: Evidence | None, version: PublishedVersion | None) -> ParityProof | None:
    """Return ``evidence`` as a proof, which is current if it is about the files of ``version``."""
    if evidence is None:
        return None
    facts = evidence.facts if isinstance(evidence.facts, Mapping) else {}
    current = version is not None and facts.get("sha256") == version.sha256 and facts.get("version") == version.number
    agreed, text = _summarize_export(facts) if evidence.topic == "export" else _summarize_verify(facts)
    return ParityProof(str(evidence.verdict), str(evidence.at), current, agreed, text)


def _summarize_export(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    arms = tuple(str(facts[key]) for key in ("reference", "runtime") if key in facts)
    return (), f"{arms[1]} matches {arms[0]}" if len(arms) == 2 else ""


def _summarize_verify(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    arms = [arm for arm in _list(facts.get("arms")) if isinstance(arm, Mapping)]
    agreed = [str(arm.get("backend")) for arm in arms if arm.get("verdict") == "match"]
    wrong = [f"{arm.get('backend')}: {arm.get('worst')}" for arm in arms if arm.get("worst")]
    wrong += [str(arm["text"]) for arm in _list(facts.get("batching")) if isinstance(arm, Mapping) and arm.get("text")]
    reference = str(facts.get("reference"))
    compared = ", ".join(str(arm.get("backend")) for arm in arms)
    text = f"{compared or 'nothing'} against {reference}, {facts.get('requests')} requests"
    return (reference, *agreed), "; ".join([text, *wrong])


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def format_utc(seconds: float) -> str:
    """Return a time in seconds since 1970 in the format of evidence; empty if it is outside the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""
