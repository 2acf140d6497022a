"""The manifest of a recording: a line of JSON for each record.

A record file holds the same facts. The manifest makes them readable without opening 100 MB of tensors, and shows when a record
is lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from turnout.files.atomic import write_atomic

MANIFEST = "manifest.jsonl"


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines about records, oldest first, without a line that a crash cut short."""
    try:
        text = (folder / MANIFEST).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in map(_parse_line, text.splitlines()) if line is not None and "file" in line]


def append_line(folder: Path, model: str, line: dict[str, Any]) -> None:
    """Append a line, after a header if it is the first. The caller holds the lock of the folder."""
    file = folder / MANIFEST
    lines = [line] if file.exists() else [_header(model), line]
    with file.open("ab") as stream:
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
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def _parse_line(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
