"""The ``bash`` that Triton's python backend finds first: it starts a stub without a shell, whatever the model's path is.

A separate program with the standard library only. The backend (core 2.51) calls ``bash -c " exec STUB MODEL REGION ..."`` and
quotes nothing. If the path of the model is not plain, the stub gets a link to its folder: the stub imports from there, and its
Python has an ASCII file system. Any other command goes to the real bash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

VARIABLE = "TURNOUT_PLAIN_LINKS"
"""The environment variable that names the folder for links."""

_COMMAND = re.compile(
    r"\s*exec (?P<stub>\S+) (?P<model>.+) (?P<numbers>/?turnout-triton-\d+-\S+ \d+ \d+ \d+ \S+ \d+) "
    r"(?P<name>.*) (?P<runtime>\S+)\s*",
    re.DOTALL,
)
# Beyond that length the files inside of a folder may have paths over the system's limit of 4,096.
_PLAIN = re.compile(r"[A-Za-z0-9_./+@%=,-]{1,1000}")


def is_plain(path: Path | str) -> bool:
    """Return whether ``path`` can be part of a shell's command and of a list of folders as it is."""
    return _PLAIN.fullmatch(str(path)) is not None


def words_of(command: str, links: Path) -> list[str] | None:
    """Return the words of the command that starts a stub, with a plain path of its model; None if it is another command."""
    found = _COMMAND.fullmatch(command)
    if found is None:
        return None
    model = _plain_path(Path(found["model"]), links)
    return [found["stub"], str(model), *found["numbers"].split(" "), found["name"], found["runtime"]]


def _plain_path(file: Path, links: Path) -> Path:
    """Return ``file``, which is in a version folder, through a link to the folder of its model."""
    if is_plain(file):
        return file
    folder = file.parent.parent
    link = links / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    with contextlib.suppress(FileExistsError):  # another instance of the model was faster
        link.symlink_to(folder)
    return link / file.parent.name / file.name


def main(arguments: list[str]) -> NoReturn:
    """Become the stub, or the real bash."""
    links = Path(os.environ[VARIABLE])
    own = str(links / "bin")
    os.environ["PATH"] = os.pathsep.join(
        folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder != own
    )
    words = words_of(arguments[1], links) if len(arguments) == 2 and arguments[0] == "-c" else None
    if words is None:
        os.execvp("bash", ["bash", *arguments])  # noqa: S606, S607  # as without this program
    os.execv(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
