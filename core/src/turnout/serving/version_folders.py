"""The version folders that open models came from, and those that have appeared since."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.files.below import entries_below
from turnout.forking import Forks
from turnout.plugins.discovery import Plugins
from turnout.settings.loaded import LoadedModel

SETTLED_SECONDS = 2.0
"""A version folder that has not changed for so long is complete: files that are being copied grow."""

Arm = tuple[str, str]
Content = tuple[tuple[str, int, int, int], ...]
"""The entries of a folder: path, size, and the times of the last change."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version folder that has appeared: its backend, the folder with its content, the folder that serves."""

    backend: str
    folder: Path
    content: Content
    before: Path


class VersionFolders:
    """Knows the folder that each open local model came from, and finds another that its backend would open now.

    The version of a model on a server is the server's decision, so remote backends are left out. Thread-safe: everything is
    under ``_lock``, which is not held while folders are read.
    """

    def __init__(self, plugins: Plugins, clock: Callable[[], float] = time.monotonic) -> None:
        self._plugins = plugins
        self._clock = clock
        self._opened: dict[Arm, Path] = {}
        self._generations: dict[Arm, int] = {}
        self._seen: dict[Path, tuple[Content, float]] = {}
        self._refused: dict[Path, Content] = {}
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def record_opening(self, model: LoadedModel, backend: str) -> None:
        """Remember the folder that ``model`` is opened from now."""
        folder = self._find(model, backend)
        with self._lock:
            if folder is None:
                self._opened.pop((model.name, backend), None)
            else:
                self._opened[model.name, backend] = folder

    def generation(self, model: str, backend: str) -> int:
        """Return the number of times that ``model`` was opened again for another version; a part of its arm's identity."""
        with self._lock:
            return self._generations.get((model, backend), 0)

    def find_new(self, model: LoadedModel, *, settled: bool) -> Iterator[NewVersion]:
        """Yield each version that a backend of ``model`` would open instead of the one that it has open.

        With ``settled`` only those whose folder has not changed for two seconds, and not again what was refused.
        """
        for backend in dict.fromkeys((model.backend, *model.settings.other_backends().values())):
            # A model that is not open has nothing to replace: its first use opens the newest version.
            before = self._opened.get((model.name, backend))
            folder = None if before is None else self._find(model, backend)
            if before is None or folder is None or folder == before:
                continue
            content = _content(folder)
            if not settled or self._is_settled(folder, content):
                yield NewVersion(backend, folder, content, before)

    def has_refused(self, model: LoadedModel) -> bool:
        """Return whether a backend of ``model`` would open a version now that could not be opened."""
        if not self._refused:
            return False
        for backend in dict.fromkeys((model.backend, *model.settings.other_backends().values())):
            before = self._opened.get((model.name, backend))
            # Not by its content: files that change are no proof that it can be opened.
            if before is not None and self._find(model, backend) in self._refused.keys() - {before}:
                return True
        return False

    def begin(self, model: str, new: NewVersion) -> None:
        """Let the next arm of ``new`` be another one than the present."""
        with self._lock:
            self._generations[model, new.backend] = self._generations.get((model, new.backend), 0) + 1
            self._refused.pop(new.folder, None)

    def refuse(self, model: str, new: NewVersion) -> None:
        """Undo ``begin`` for a version that cannot be opened; it is found again when its folder has changed."""
        with self._lock:
            # Back to the number of the arm that serves, so that new settings still find it.
            self._generations[model, new.backend] -= 1
            self._opened[model, new.backend] = new.before
            self._refused[new.folder] = new.content

    def _is_settled(self, folder: Path, content: Content) -> bool:
        now = self._clock()
        with self._lock:
            seen, since = self._seen.get(folder, (None, now))
            # The clock of this process, not the times of the files: those of a network file system may be ahead.
            if seen != content:
                self._seen[folder] = content, now
                return False
            return now - since >= SETTLED_SECONDS and self._refused.get(folder) != content

    def _find(self, model: LoadedModel, backend: str) -> Path | None:
        declared = self._plugins.backend(backend)
        if declared.remote or backend not in model.options:
            return None
        # A folder that cannot be read now, or a plugin that fails, is no new version; opening reports it.
        with suppress(Exception):
            found = declared.version_folder(model.declaration, model.options[backend])
            return None if found is None else found.absolute()
        return None


def _content(folder: Path) -> Content:
    with suppress(OSError):
        return tuple(_facts(entry) for entry in entries_below(folder))
    return ()


def _facts(entry: os.DirEntry[str]) -> tuple[str, int, int, int]:
    found = entry.stat()
    return entry.path, found.st_size, found.st_mtime_ns, found.st_ctime_ns
