"""Shadow evidence on disk, which several processes read and extend."""

from __future__ import annotations

import json
from pathlib import Path

from turnout.files.atomic import write_atomic
from turnout.files.lock import file_lock
from turnout.files.state_folder import STATE, make_state_folder, read_state
from turnout.rollout.shadow.evidence import ShadowEvidence


def shadow_evidence_file(folder: Path, model: str) -> Path:
    """Return the file of the shadow evidence of ``model``; ``folder`` is that of turnout.yaml."""
    return folder / STATE / f"{model}.shadow.json"


def read_shadow_evidence(file: Path) -> ShadowEvidence | None:
    """Return the evidence in ``file``; None if the file is missing or unreadable."""
    return read_state(file, ShadowEvidence.of_json)


def add_shadow_evidence(file: Path, more: ShadowEvidence) -> None:
    """Add ``more`` to the evidence in ``file`` of a state folder; evidence of other arms is replaced.

    Safe with other processes: a lock on a second file, then a rename, so readers always see one whole state. The evidence file
    cannot be its own lock, because the rename replaces it.

    Raises:
        OSError: the write failed; the file is unchanged.
    """
    make_state_folder(file.parent.parent)
    with file_lock(file.with_suffix(".lock")):
        known = read_shadow_evidence(file)
        if known is not None and known.has_same_arms(more):
            known.merge(more)
            more = known
        write_atomic(file, json.dumps(more.as_json(), indent=1).encode())
