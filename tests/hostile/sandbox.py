"""A folder in which one program meets one input, and what the program changed there and outside."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_LARGE = 1 << 30


# The list of what was exported here, and caches of libraries.
_KEPT_AT_HOME = ("home/.local/", "home/.cache/", "home/.triton/", "home/.config/")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """``work`` is the program's folder; nothing else may change, and ``executed`` exists only if foreign code ran.

    ``outside/victim.txt`` exists, as a file of the user that no input may touch.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Sandbox:
        for name in ("work", "outside", "home"):
            (folder / name).mkdir(parents=True)
        (folder / "outside" / "victim.txt").write_text("a file of the user\n")
        return cls(folder)

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def outside(self) -> Path:
        return self.folder / "outside"

    @property
    def executed(self) -> Path:
        """The file that a payload creates, to prove that it ran."""
        return self.outside / "executed"

    def turnout(self, *arguments: str) -> list[str]:
        """Return the command ``turnout`` with ``arguments``."""
        return [str(Path(sys.executable).with_name("turnout")), *arguments]

    def python(self, program: str, *arguments: str) -> list[str]:
        """Return a command that runs ``program``, a text, in a Python of this environment."""
        return [sys.executable, "-c", program, *arguments]

    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("TURNOUT_", "TRITON_", "INFERENCE_"))}
        # A port that nobody serves: no case may find a server that runs on this machine.
        home = {"HOME": str(self.folder / "home"), "XDG_STATE_HOME": str(self.folder / "home" / ".local" / "state")}
        return {**own, **home, "TRITON_URL": "localhost:1", "PYTHONUNBUFFERED": "1"}

    def content_outside(self) -> dict[str, str]:
        """Return the same of everything but ``work``, with folders, and without what programs keep in a home by right."""
        found = {str(path.relative_to(self.folder)): path for path in sorted(self.folder.rglob("*"))}
        return {
            name: "folder" if _is_plain_folder(path) else _digest(path)
            for name, path in found.items()
            if not f"{name}/".startswith(("work/", *_KEPT_AT_HOME)) and name != "figures.json"
        }

    def content(self, part: Path) -> dict[str, str]:
        """Return the digest of each file, link and pipe below ``part`` by its path."""
        return {str(path.relative_to(part)): _digest(path) for path in sorted(part.rglob("*")) if not _is_plain_folder(path)}


def changed_files(before: dict[str, str], after: dict[str, str], allowed: tuple[str, ...] = ()) -> list[str]:
    """Return the names that appeared, vanished or changed, without those that match a pattern of ``allowed``."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in allowed)]


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if not path.is_file():
        return "no regular file"
    # Files that are larger have no content but zeros.
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.stat().st_size < _LARGE else f"{path.stat().st_size} bytes"
