"""What was proved of a model, and when: small files beside turnout.yaml, which ``turnout status`` reads.

``.turnout/<model>.<topic>.json`` holds the last result of a topic: ``verify``, ``export``, ``shadow``. A reader sees the old or
the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.files.atomic import write_whole
from turnout.files.state_folder import STATE, make_state_folder

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """One result.

    Attributes:
        model: the model.
        topic: what was proved: ``verify``, ``export``, ``shadow``.
        verdict: ``match``, ``mismatch`` or ``error``.
        at: when, in UTC, as ISO 8601 writes it.
        facts: the figures, in types of JSON.
    """

    model: str
    topic: str
    verdict: str
    at: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_evidence(folder: Path, evidence: Evidence) -> Path:
    """Keep ``evidence`` in the state folder of the turnout.yaml in ``folder``, dated now if it has no date.

    Raises:
        OSError: the folder or the disk refuses; what was there stays.
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
    write_whole(file, json.dumps(content, indent=2).encode())
    return file


def read_evidence(folder: Path, model: str, topic: str) -> Evidence | None:
    """Return the last result; None if there is none, or none that this Turnout can read."""
    try:
        content = json.loads(_file(folder, model, topic).read_text("utf-8"))
        if content["format"] != FORMAT:
            return None
        return Evidence(content["model"], content["topic"], content["verdict"], content["at"], content["facts"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` does; of a folder, that of its files' names and SHA-256s."""
    if not file.is_dir():
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for part in sorted(part for part in file.rglob("*") if part.is_file()):
        digest.update(f"{part.relative_to(file)}\0{fingerprint(part)}\n".encode())
    return digest.hexdigest()


def _file(folder: Path, model: str, topic: str) -> Path:
    return folder / STATE / f"{model}.{topic}.json"
