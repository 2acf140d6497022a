"""Temporary files and folders of this process, which are removed however it ends, short of a kill."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from turnout.forking import Forks


class _Temporaries:
    """The paths that exist, or are about to. A set's own operations are atomic, so that a signal handler may use them too."""

    paths: ClassVar[set[Path]] = set()

    def renew(self) -> None:
        """Forget the paths of the parent: it still writes to them."""
        self.paths.clear()


_temporaries = _Temporaries()
Forks.renew(_temporaries)


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Remove ``path`` at the end of the block, or of the process if that comes first. The block creates it, or renames it."""
    # Before it exists: a signal may arrive between its creation and the next line.
    _temporaries.paths.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _temporaries.paths.discard(path)


@atexit.register
def remove_temporaries() -> None:
    """Remove what threads that still run have not finished; for the end of the process."""
    # A copy: threads that go on meanwhile change the set.
    for path in list(_temporaries.paths):
        _remove(path)


def _remove(path: Path) -> None:
    # A link to a folder is removed itself, never what it leads to.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
