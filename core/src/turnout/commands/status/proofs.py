"""The newest version in a model's folder, and the evidence that proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.commands.paths import display_path
from turnout.commands.status.facts import ParityProof, PublishedVersion
from turnout.error_text import count_of
from turnout.files.below import files_below
from turnout.files.fingerprint import fingerprint
from turnout.repository.evidence import Evidence, is_unchanged
from turnout.repository.versions import evident_version


def newest_version(
    folder: Path | None, base: Path, evidence: Sequence[Evidence | None], chosen: str = ""
) -> PublishedVersion | None:
    """Return the version ``chosen`` in ``folder``, else the newest that its version policy serves; None if none can be read.

    The fingerprint reads every file, gigabytes for a large model; it is reused from ``evidence`` if no file has changed since.
    """
    try:
        number, files = _newest_files(folder, chosen)
        if folder is None or not files:
            return None
        version = folder / str(number)
        reusable = (_reusable_fingerprint(one, number, version) for one in evidence)
        sha256 = next(filter(None, reusable), None) or fingerprint(version)
        written = _last_write(files)
    except OSError:
        return None
    model_file = next((file for file in files if file.stem == "model"), files[0])
    return PublishedVersion(number, display_path(model_file, base), written, sha256)


def newest_write(folder: Path | None, chosen: str = "") -> str | None:
    """Return the time ``written`` of the version of ``newest_version``; None if there is none. Reads no file."""
    try:
        _, files = _newest_files(folder, chosen)
        return _last_write(files) if files else None
    except OSError:
        return None


def _newest_files(folder: Path | None, chosen: str) -> tuple[int, list[Path]]:
    """Return the number and the files of the version in ``folder``; no files if there is none."""
    number = evident_version(folder, chosen) if folder is not None else None
    if folder is None or number is None:
        return 0, []
    return number, files_below(folder / str(number))


def _last_write(files: Sequence[Path]) -> str:
    return format_utc(max(file.stat().st_mtime for file in files))


def _reusable_fingerprint(evidence: Evidence | None, number: int, version: Path) -> str | None:
    """Return the fingerprint of ``version``, number ``number``, in ``evidence``; None if a file has changed since."""
    if evidence is None or not isinstance(evidence.facts, Mapping) or evidence.facts.get("version") != number:
        return None
    sha256 = evidence.facts.get("sha256")
    return sha256 if isinstance(sha256, str) and sha256 and is_unchanged(version, evidence.at) else None


def proof_of(evidence: Evidence | None, version: PublishedVersion | None) -> ParityProof | None:
    """Return ``evidence`` as a proof, which is current if it is about the files of ``version``."""
    if evidence is None:
        return None
    facts = evidence.facts if isinstance(evidence.facts, Mapping) else {}
    current = version is not None and facts.get("sha256") == version.fingerprint and facts.get("version") == version.number
    agreed, text = _summarize_export(facts) if evidence.topic == "export" else _summarize_verify(facts)
    return ParityProof(str(evidence.verdict), str(evidence.at), current, agreed, text, _other_version(facts, version))


def _other_version(facts: Mapping[str, Any], version: PublishedVersion | None) -> int | None:
    number = facts.get("version")
    return number if version is not None and isinstance(number, int) and number != version.number else None


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
    text = f"{compared or 'nothing'} against {reference}, {count_of(facts.get('requests', 0), 'request')}"
    return (reference, *agreed), "; ".join([text, *wrong])


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def format_utc(seconds: float) -> str:
    """Return a time in seconds since 1970 in the format of evidence; empty if it is outside the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""
