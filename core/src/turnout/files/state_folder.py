"""The folder ``.turnout`` beside turnout.yaml, which holds evidence and mismatches."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

STATE = ".turnout"


def make_state_folder(folder: Path) -> Path:
    """Return the state folder of the turnout.yaml in ``folder``; create it if it does not exist.

    git ignores it: requests of users and results of one machine must not be committed.

    Raises:
        OSError: it cannot be created, or is a link: a repository from elsewhere may have one to any folder of the user's.
    """
    state = folder / STATE
    if state.is_symlink():
        raise OSError(errno.ELOOP, "it is a link; replace it by a folder", str(state))
    state.mkdir(parents=True, exist_ok=True)
    ignore = state / ".gitignore"
    with suppress(FileExistsError), ignore.open("x", encoding="utf-8") as stream:
        stream.write("*\n")
    return state
