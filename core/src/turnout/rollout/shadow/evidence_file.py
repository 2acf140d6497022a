"""Evidence on disk, where other processes read it and add theirs."""

from __future__ import annotations

import json
from pathlib import Path

from turnout.files.atomic import write_whole
from turnout.files.lock import locked
from turnout.files.state_folder import make_state_folder
from turnout.rollout.shadow.evidence import ShadowEvidence

MAX_BYTES = 1 << 20


def read_shadow_evidence(file: Path) -> ShadowEvidence | None:
    """Return what ``file`` holds; None if there is none, or none that can be read."""
    try:
        with file.open("rb") as stream:
            return ShadowEvidence.of_json(json.loads(stream.read(MAX_BYTES)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def add_shadow_evidence(file: Path, more: ShadowEvidence) -> None:
    """Add ``more`` to what ``file`` of a state folder holds of the same arms; what it holds of other arms is replaced.

    Several processes may add at once, and readers see one whole state: a lock on a file beside it, then a rename.

    Raises:
        OSError: the folder or the disk refuses; the file is as it was.
    """
    make_state_folder(file.parent.parent)
    with locked(file.with_suffix(".lock")):
        known = read_shadow_evidence(file)
        if known is not None and known.same_arms(more):
            known.merge(more)
            more = known
        write_whole(file, json.dumps(more.as_json(), indent=1).encode())
