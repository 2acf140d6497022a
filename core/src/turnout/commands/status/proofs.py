"""The version that stands in a model's folder, and what was kept as proved of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.commands.export import model_folder
from turnout.commands.status.facts import Proof, Version
from turnout.errors import TurnoutError
from turnout.plugins.discovery import Plugins
from turnout.repository.evidence import Evidence, fingerprint
from turnout.repository.publishing import versions
from turnout.settings import LoadedSettings


def folder_of(loaded: LoadedSettings, plugins: Plugins, model: str) -> Path | None:
    """Return the model's folder in its repository; None if the settings name none that can be."""
    with suppress(TurnoutError):
        return model_folder(loaded, plugins, model)
    return None


def newest_version(folder: Path | None, base: Path, kept: tuple[Evidence | None, ...]) -> Version | None:
    """Return the newest version in ``folder``; None if there is none that can be read.

    Large files are read for their fingerprint only if they may have changed since one of ``kept`` was.
    """
    try:
        numbers = versions(folder) if folder is not None else []
        if folder is None or not numbers:
            return None
        made = folder / str(numbers[-1])
        files = sorted(file for file in made.rglob("*") if file.is_file())
        states = [file.stat() for file in files]
        if not files:
            return None
        changed = max(max(state.st_mtime, state.st_ctime) for state in (made.stat(), *states))
        known = (_unchanged(evidence, numbers[-1], changed) for evidence in kept)
        sha256 = next(filter(None, known), None) or fingerprint(made)
    except OSError:
        return None
    named = next((file for file in files if file.stem == "model"), files[0])
    written = max(state.st_mtime for state in states)
    return Version(numbers[-1], shown(named, base), utc(written), sha256)


def _unchanged(evidence: Evidence | None, number: int, changed: float) -> str | None:
    """Return the fingerprint that ``evidence`` has of version ``number``, if nothing was ``changed`` after it."""
    if evidence is None or not isinstance(evidence.facts, Mapping) or evidence.facts.get("version") != number:
        return None
    try:
        at = datetime.fromisoformat(evidence.at).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    sha256 = evidence.facts.get("sha256")
    return sha256 if changed < at and isinstance(sha256, str) and sha256 else None


def proof_of(evidence: Evidence | None, version: Version | None) -> Proof | None:
    """Return ``evidence`` as a proof of ``version`` or of an earlier one."""
    if evidence is None:
        return None
    facts = evidence.facts if isinstance(evidence.facts, Mapping) else {}
    current = version is not None and facts.get("sha256") == version.sha256 and facts.get("version") == version.number
    agreed, text = _exported(facts) if evidence.topic == "export" else _verified(facts)
    return Proof(str(evidence.verdict), str(evidence.at), current, agreed, text)


def _exported(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    arms = tuple(str(facts[key]) for key in ("reference", "runtime") if key in facts)
    return (), f"{arms[1]} answers as {arms[0]}" if len(arms) == 2 else ""


def _verified(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
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


def shown(file: Path, base: Path) -> str:
    """Return ``file`` as it is written in ``base``; whole, if it is not below that."""
    relative = os.path.relpath(file, base)
    return str(file) if relative.startswith(os.pardir) else relative


def utc(seconds: float) -> str:
    """Return a time since 1970 as evidence writes it; empty for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""
