"""Evidence: the last result of a proof of a model, in a small file beside turnout.yaml, for ``turnout status``.

``.turnout/<model>.<topic>.json`` holds the last result of a topic, ``verify`` or ``export``. It changes atomically. The
evidence of a shadow adds up instead: see ``rollout/shadow/evidence_file.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.files.atomic import write_atomic
from turnout.files.state_folder import STATE, make_state_folder

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """One result.

    Attributes:
        model: the model.
        topic: the kind of proof: ``verify`` or ``export``.
        verdict: ``match``, ``mismatch`` or ``error``.
        at: the time in UTC, in ISO 8601.
        facts: the figures, in JSON types.
    """

    model: str
    topic: str
    verdict: str
    at: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_evidence(folder: Path, evidence: Evidence) -> Path:
    """Write ``evidence`` to the state folder of the turnout.yaml in ``folder``, with the current time if it has none.

    Raises:
        OSError: the folder or the disk refuses; the previous evidence stays.
    """
    content = {
        "format": FORMAT,
        "model": evidence.model,
        "topic": evidence.topic,
        "verdict": evidence.verdict,
        "at": evidence.at or datetime.now(UTC).isoformat(timespec="seconds"),
        "facts": dict(evidence.facts),
    }
    file = make_state_folder(folder) / _file(folder, evidence.model, evidence.topic).name
    write_atomic(file, json.dumps(content, indent=2).encode())
    return file


def read_evidence(folder: Path, model: str, topic: str) -> Evidence | None:
    """Return the last result; None if there is none, or if this version of Turnout cannot read it."""
    try:
        content = json.loads(_file(folder, model, topic).read_text("utf-8"))
        if content["format"] != FORMAT:
            return None
        return Evidence(content["model"], content["topic"], content["verdict"], content["at"], content["facts"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` prints it; of a folder, that of its files' names and SHA-256s."""
    if not file.is_dir():
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for part in sorted(part for part in file.rglob("*") if part.is_file()):
        digest.update(f"{part.relative_to(file)}\0{fingerprint(part)}\n".encode())
    return digest.hexdigest()


def _file(folder: Path, model: str, topic: str) -> Path:
    return folder / STATE / f"{model}.{topic}.json"
