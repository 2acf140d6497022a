"""The record of what was written into a folder, by which a file that was edited since then is known.

It has the format of ``sha256sum``, so that ``sha256sum --check`` in the folder lists the edited files too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from turnout.files.atomic import open_atomic
from turnout.files.limits import FileLimits
from turnout.files.regular import has_content, read_regular

NAME = ".turnout-deploy.sha256"
_LIMITS = FileLimits("the record of a deployment", 1 << 20)
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>.+)")


def digest(content: bytes) -> str:
    """Return the digest by which the record knows a content."""
    return hashlib.sha256(content).hexdigest()


def read_record(folder: Path) -> dict[str, str]:
    """Return the digests of the files as they were written, by their paths; of a broken line nothing is known.

    Raises:
        OSError: the record exists and cannot be read.
    """
    try:
        text = read_regular(folder / NAME, _LIMITS).decode(errors="replace")
    except FileNotFoundError:
        return {}
    return {found["name"]: found["digest"] for line in text.splitlines() if (found := _LINE.fullmatch(line))}


def write_record(folder: Path, record: Mapping[str, str]) -> None:
    """Write the record, if it is another one than before. Files that are gone are left out.

    Raises:
        OSError: the folder or the disk refuses.
    """
    present = {name: one for name, one in record.items() if (folder / name).is_file()}
    content = "".join(f"{one}  {name}\n" for name, one in sorted(present.items())).encode()
    if not has_content(folder / NAME, content):
        with open_atomic(folder / NAME, mode=0o644) as stream:
            stream.write(content)
