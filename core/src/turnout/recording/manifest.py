"""The manifest of a set of records: a line of JSON for each.

Every record says of itself what its line says. The line is there to be read without opening a hundred megabytes, and to tell
that a record was lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from turnout.files.atomic import write_whole

MANIFEST = "manifest.jsonl"


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines about records, in the order of their writing; a line torn by a crash is left out."""
    try:
        text = (folder / MANIFEST).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in map(_parsed, text.splitlines()) if line is not None and "file" in line]


def append_line(folder: Path, model: str, line: dict[str, Any]) -> None:
    """Add a line, after the one about the set if it is the first. The caller is alone."""
    file = folder / MANIFEST
    lines = [line] if file.exists() else [_header(model), line]
    with file.open("ab") as stream:
        # After a line that a crash tore.
        torn = stream.tell() > 0 and not _ends_a_line(file)
        stream.write(b"\n" * torn + b"".join(_encoded(one) for one in lines))


def keep_lines(folder: Path, model: str, files: Iterable[str]) -> None:
    """Replace the manifest by one that tells of ``files`` only. The caller is alone; readers see the old or the new one."""
    kept = set(files)
    lines = [_header(model), *(line for line in read_lines(folder) if line["file"] in kept)]
    write_whole(folder / MANIFEST, b"".join(map(_encoded, lines)))


def _header(model: str) -> dict[str, Any]:
    return {"format": 1, "model": model, "turnout": version("turnout"), "numpy": np.__version__}


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _ends_a_line(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
