"""The folder ``.turnout`` beside turnout.yaml, which holds evidence and mismatches."""

from __future__ import annotations

from pathlib import Path

STATE = ".turnout"


def make_state_folder(folder: Path) -> Path:
    """Return the state folder of the turnout.yaml in ``folder``; create it if it does not exist.

    git ignores it: requests of users and results of one machine must not be committed.

    Raises:
        OSError: it cannot be created.
    """
    state = folder / STATE
    state.mkdir(parents=True, exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")
    return state
