"""The files of a deployment: written whole, and compared with what is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from turnout.errors import ConfigurationError
from turnout.files.atomic import open_atomic
from turnout.files.limits import FileLimits
from turnout.files.regular import has_content, read_regular
from turnout_deploy.record import digest, read_record, write_record

MARK = "turnout deploy"
"""The words by which a file that this distribution wrote is known without a record; they are in its first lines."""

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
        ConfigurationError: a file there was written or edited by hand, and ``force`` is False; nothing was written.
        OSError: the folder or the disk refuses.
    """
    changed, record = differences(folder, deployment), read_record(folder)
    if not force:
        for name in changed:
            _check_own(folder / name, record.get(name))
    contents = deployment.contents()
    for name in changed:
        target = folder / PurePosixPath(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(target, mode=0o644) as stream:
            stream.write(contents[name])
    write_record(folder, record | {name: digest(content) for name, content in contents.items()})
    return changed


def read_folder(folder: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files in ``folder`` whose names match ``pattern``, by name."""
    for file in sorted(folder.glob(pattern)):
        yield file.name, read_regular(file, _LIMITS)


def _check_own(file: Path, written: str | None) -> None:
    """Raise ConfigurationError if ``file`` exists, and is not as this distribution wrote it."""
    if not os.path.lexists(file):
        return
    content = read_regular(file, _LIMITS) if file.is_file() else b""
    if written is not None and digest(content) == written:
        return
    if written is None and MARK.encode() not in content[:_HEAD_BYTES]:
        raise ConfigurationError(
            f"{str(file)!r} exists, and 'turnout deploy' did not write it; nothing was written. Name another folder "
            "with --out, or overwrite it with --force"
        )
    raise ConfigurationError(
        f"{str(file)!r} was edited after 'turnout deploy' wrote it; nothing was written. Move your change out of the folder, "
        "name another folder with --out, or overwrite it with --force"
    )
