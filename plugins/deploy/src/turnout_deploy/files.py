"""The files of a deployment: written whole, and compared with what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from turnout.errors import ConfigurationError
from turnout.files.atomic import open_atomic
from turnout.files.limits import FileLimits
from turnout.files.regular import has_content, read_regular

MARK = "turnout deploy"
"""The words by which a file that this distribution wrote is known; they are in its first lines."""

_LIMITS = FileLimits("a file of a deployment", 16 << 20)
_HEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class Deployment:
    """The files of a deployment.

    Attributes:
        files: the texts by path, relative to the folder of the deployment.
        copies: the contents of files that are copied as they are, likewise.
        notes: what the user should know, one line each.
        next: what to do with the files.
    """

    files: Mapping[str, str]
    copies: Mapping[str, bytes]
    notes: tuple[str, ...] = ()
    next: str = ""

    def contents(self) -> dict[str, bytes]:
        """Return the content of every file by its path."""
        return {name: text.encode() for name, text in self.files.items()} | dict(self.copies)


def differences(folder: Path, deployment: Deployment) -> list[str]:
    """Return the paths of the files in ``folder`` that are missing, or differ from ``deployment``."""
    return [name for name, content in sorted(deployment.contents().items()) if not has_content(folder / name, content)]


def write(folder: Path, deployment: Deployment, *, force: bool) -> list[str]:
    """Write what differs into ``folder``; return the paths. A file appears or changes whole.

    Raises:
        ConfigurationError: a file there was written by hand, and ``force`` is False; nothing was written.
        OSError: the folder or the disk refuses.
    """
    changed = differences(folder, deployment)
    if not force and (own := [name for name in changed if _is_foreign(folder / name, name in deployment.copies)]):
        raise ConfigurationError(
            f"{str(folder / own[0])!r} exists, and 'turnout deploy' did not write it; nothing was written. Name another folder "
            "with --out, or overwrite it with --force"
        )
    contents = deployment.contents()
    for name in changed:
        target = folder / PurePosixPath(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(target, mode=0o644) as stream:
            stream.write(contents[name])
    return changed


def read_folder(folder: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files in ``folder`` whose names match ``pattern``, by name."""
    for file in sorted(folder.glob(pattern)):
        yield file.name, read_regular(file, _LIMITS)


def _is_foreign(file: Path, is_copy: bool) -> bool:  # noqa: FBT001  # of one caller
    """Return whether ``file`` exists without the mark. A copy has none: its name alone says what it is."""
    if not file.exists() or is_copy:
        return False
    return not file.is_file() or MARK.encode() not in read_regular(file, _LIMITS)[:_HEAD_BYTES]
