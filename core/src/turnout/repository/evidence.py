"""Evidence: the last result of a proof of a model, in a small file beside turnout.yaml, for ``turnout status``.

``.turnout/<model>.<topic>.json`` holds the last result of a topic, ``verify`` or ``export``. It changes atomically. The
evidence of a shadow adds up instead: see ``rollout/shadow/evidence_file.py``.

A proof may also travel with the versions, as ``<repository>/<model>/turnout.<topic>.json``: it names the SHA-256 of what it
proves, and no path of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.files.atomic import write_atomic
from turnout.files.below import entries_below
from turnout.files.state_folder import STATE, check_format, make_state_folder, read_state

FORMAT = 1
DEFAULT_REPOSITORY = "model_repository"
"""The model repository next to turnout.yaml, for a model that no plugin locates."""


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
    file = make_state_folder(folder) / _file(folder, evidence.model, evidence.topic).name
    write_atomic(file, _encode(evidence))
    return file


def publish_evidence(model_folder: Path, evidence: Evidence) -> Path:
    """Write ``evidence`` beside the versions in ``model_folder``, with the current time if it has none.

    Raises:
        OSError: the folder does not exist, or it or the disk refuses; the previous evidence stays.
    """
    file = _published_file(model_folder, evidence.topic)
    write_atomic(file, _encode(evidence) + b"\n")
    return file


def read_evidence(folder: Path, model: str, topic: str, model_folder: Path | None = None) -> Evidence | None:
    """Return the last result, of the state folder or beside the versions in ``model_folder``.

    None if there is none, or if this version of Turnout cannot read it. Without ``model_folder``, the default repository of the
    turnout.yaml in ``folder``.
    """
    published = _published_file(model_folder or folder / DEFAULT_REPOSITORY / model, topic)
    found = [one for one in (_read(_file(folder, model, topic)), _read(published)) if one is not None and one.model == model]
    return max(found, key=lambda evidence: str(evidence.at), default=None)


def utc_now() -> str:
    """Return the time in the format of evidence."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _encode(evidence: Evidence) -> bytes:
    content = {
        "format": FORMAT,
        "model": evidence.model,
        "topic": evidence.topic,
        "verdict": evidence.verdict,
        "at": evidence.at or utc_now(),
        "facts": dict(evidence.facts),
    }
    return json.dumps(content, indent=2).encode()


def _published_file(model_folder: Path, topic: str) -> Path:
    return model_folder / f"turnout.{topic}.json"


def _read(file: Path) -> Evidence | None:
    return read_state(file, _decode)


def _decode(content: Any) -> Evidence:
    check_format(content, FORMAT)
    texts = [content[key] for key in ("model", "topic", "verdict", "at")]
    if not all(isinstance(text, str) for text in texts) or not isinstance(content["facts"], dict):
        raise TypeError("a value has another type")
    model, topic, verdict, at = texts
    datetime.fromisoformat(at)
    return Evidence(model, topic, verdict, at, content["facts"])


def is_unchanged(path: Path, since: str) -> bool:
    """Return whether a file, or a folder with everything in it, is older than ``since``, a time in ISO 8601. Reads no file.

    False if that is no time.

    Raises:
        OSError: the file is missing, or cannot be read.
    """
    parts = [path, *(part for entry in entries_below(path) if (part := Path(entry.path)).exists())] if path.is_dir() else [path]
    states = [part.stat() for part in parts]
    with suppress(TypeError, ValueError, OverflowError):
        # ctime too: tools that copy a file may set an old mtime, ctime they cannot set.
        return max(max(state.st_mtime, state.st_ctime) for state in states) < datetime.fromisoformat(since).timestamp()
    return False


def _file(folder: Path, model: str, topic: str) -> Path:
    return folder / STATE / f"{model}.{topic}.json"
