"""Links under a plain path to files whose own paths Triton's python backend cannot handle.

The backend (core 2.51) starts its stub with ``bash -c "exec STUB MODEL ..."``, without quotes: a space splits the command, and
the shell expands ``$`` and runs what follows a ``;``. LD_LIBRARY_PATH and PATH cannot hold a colon.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from turnout.errors import ConfigurationError
from turnout_triton.server import stub_launcher
from turnout_triton.server.stub_launcher import is_plain

_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # tried in turn


class PlainLinks:
    """A temporary folder of links, made when the first is needed. For one thread.

    Attributes:
        folder: the folder; None before it is made.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None

    def link(self, target: Path, name: str) -> Path:
        """Return ``target`` itself if its path is plain, else a link to it called ``name``.

        Raises:
            ConfigurationError: no folder for temporary files has a plain path.
        """
        if is_plain(target):
            return target
        link = self.make_folder() / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        return link

    def launcher_variables(self, path: str) -> dict[str, str]:
        """Return the variables with which a server whose PATH is ``path`` starts its stubs through ``stub_launcher``."""
        folder = self.make_folder()
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        words = map(shlex.quote, (sys.executable, "-I", "-S", stub_launcher.__file__))
        (programs / "bash").write_bytes(os.fsencode(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n'))
        (programs / "bash").chmod(0o755)
        return {"PATH": f"{programs}:{path}", stub_launcher.VARIABLE: str(folder)}

    def close(self) -> None:
        """Remove the links."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def make_folder(self) -> Path:
        """Return the folder, made if it is not there: the supervisor of a killed server removes it.

        Raises:
            ConfigurationError: no folder for temporary files has a plain path.
        """
        if self.folder is None or not self.folder.is_dir():
            self.folder = _make_plain_folder()
        return self.folder


def _make_plain_folder() -> Path:
    for place in (tempfile.gettempdir(), *_PLACES):
        if is_plain(place) and os.access(place, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix="turnout-triton-", dir=place))
    raise ConfigurationError(
        f"Triton needs a folder for links, and neither {tempfile.gettempdir()!r} nor {', '.join(_PLACES)} has a path without "
        "spaces and can be written to; set TMPDIR to one"
    )
