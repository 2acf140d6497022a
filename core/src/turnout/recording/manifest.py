"""The manifest of a recording: a line of JSON for each record.

A record file holds the same facts. The manifest makes them readable without opening 100 MB of tensors, and shows when a record
is lost.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from turnout.files.atomic import write_atomic
from turnout.files.limits import MANIFEST as MANIFEST_FILE
from turnout.files.limits import MANIFEST_LINE
from turnout.files.regular import append_to_own, open_regular
from turnout.files.strict_json import parse_json

MANIFEST = "manifest.jsonl"
# A recording has 100,000 records at most, and a header and lines that a crash cut short.
MAX_LINES = 110_000


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines about records, oldest first, without a line that a crash cut short.

    Raises:
        OSError: the manifest cannot be read, is no regular file, or is too large.
    """
    try:
        with open_regular(folder / MANIFEST, MANIFEST_FILE) as stream:
            pieces = iter(lambda: stream.readline(MANIFEST_LINE.max_bytes + 1), b"")
            lines = list(islice(pieces, MAX_LINES + 1))
    except FileNotFoundError:
        return []
    if len(lines) > MAX_LINES:
        text = f"the manifest of a recording has {MAX_LINES} lines at most, this one has more"
        raise OSError(errno.EFBIG, text, str(folder / MANIFEST))
    parsed = map(_parse_line, lines)
    return [line for line in parsed if line is not None and isinstance(line.get("file"), str)]


def append_line(folder: Path, model: str, line: dict[str, Any]) -> None:
    """Append a line, after a header if it is the first. The caller holds the lock of the folder."""
    file = folder / MANIFEST
    lines = [line] if file.exists() else [_header(model), line]
    with append_to_own(file) as stream:
        # A crash may have cut the last line short; without a line break this one would be lost with it.
        torn = stream.tell() > 0 and not _ends_with_newline(file)
        stream.write(b"\n" * torn + b"".join(_encode_line(one) for one in lines))


def keep_lines(folder: Path, model: str, files: Iterable[str]) -> None:
    """Remove every line that is not about one of ``files``. The caller holds the lock; readers see the old or the new file."""
    kept = set(files)
    lines = [_header(model), *(line for line in read_lines(folder) if line["file"] in kept)]
    write_atomic(folder / MANIFEST, b"".join(map(_encode_line, lines)))


def _header(model: str) -> dict[str, Any]:
    return {"format": 1, "model": model, "turnout": version("turnout"), "numpy": np.__version__}


def _encode_line(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _ends_with_newline(file: Path) -> bool:
    with open_regular(file) as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def _parse_line(text: bytes) -> dict[str, Any] | None:
    try:
        line = parse_json(text, MANIFEST_LINE)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
