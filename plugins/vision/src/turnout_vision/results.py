"""The file of JSON lines that a batch writes and that a later one goes on with."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from turnout.errors import ConfigurationError
from turnout.files.atomic import whole_file
from turnout_vision.records import Record

Key = tuple[str, str, str]

_FIRST = b'{"image"'


def key_of(record: Record) -> Key:
    """Return what makes two lines answers to the same: picture, pipeline, the other inputs."""
    return str(record["image"]), str(record.get("pipeline")), json.dumps(record.get("inputs") or {}, sort_keys=True)


def line_of(record: Record) -> str:
    """Return ``record`` as one line, without its end. Its first key must be ``image``, by which a broken line is known."""
    return json.dumps(record)


class ResultsFile:
    """Appends lines, each in one write, so that the file is valid whenever the process stops.

    Opening it mends a last line that was cut off, and drops the lines of ``again`` that failed, since they are about to be
    written anew. Used by one thread.

    Attributes:
        answered: keys of the lines that are there and ok.

    Raises:
        ConfigurationError: the file is none that this wrote.
        OSError: it cannot be read or written.
    """

    def __init__(self, file: Path, again: Container[Key]) -> None:
        kept, self.answered, lines = [], set(), list(_lines(file))
        for line, record in lines:
            if record["ok"]:
                self.answered.add(key_of(record))
            if record["ok"] or key_of(record) not in again:
                kept.append(line + b"\n")
        content = b"".join(kept)
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(file, mode=0o666) as stream:
                stream.write(content)
        self._stream = os.open(file, os.O_WRONLY | os.O_APPEND)

    def write(self, record: Record) -> None:
        """Add a line."""
        os.write(self._stream, line_of(record).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._stream)


def _lines(file: Path) -> Iterator[tuple[bytes, Record]]:
    if not file.exists():
        return
    *whole, rest = file.read_bytes().split(b"\n")
    for number, line in enumerate(whole, start=1):
        record = _record(line)
        if record is None:
            raise ConfigurationError(
                f"{str(file)!r}, line {number} was not written by 'turnout run'; give another file to --out"
            )
        yield line, record
    record = _record(rest)
    if record is not None:
        yield rest, record
    elif rest[: len(_FIRST)] != _FIRST[: len(rest)]:
        raise ConfigurationError(f"{str(file)!r} was not written by 'turnout run'; give another file to --out")


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    known = isinstance(record, dict) and isinstance(record.get("image"), str) and isinstance(record.get("ok"), bool)
    return record if known else None
