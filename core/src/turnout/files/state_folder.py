"""The folder beside turnout.yaml in which Turnout keeps what it has found out."""

from __future__ import annotations

from pathlib import Path

STATE = ".turnout"


def make_state_folder(folder: Path) -> Path:
    """Return the state folder of the turnout.yaml in ``folder``, made if need be.

    git does not see it: what people sent, and what came of it on one machine, is nothing to commit.

    Raises:
        OSError: it cannot be made.
    """
    state = folder / STATE
    state.mkdir(parents=True, exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")
    return state
