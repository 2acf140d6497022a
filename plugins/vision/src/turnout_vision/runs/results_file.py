"""The results file of ``turnout run``: JSON lines that a later run resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from turnout.errors import ConfigurationError, json_text
from turnout.files.atomic import open_atomic
from turnout.files.limits import RESULT_LINE
from turnout.files.regular import append_to_regular, open_regular
from turnout.files.strict_json import parse_json
from turnout_vision.runs.picture_record import PictureRecord

Key = tuple[str, str, str]

_FIRST = b'{"image"'


def record_key(record: PictureRecord) -> Key:
    """Return the identity of a record: picture, pipeline, other inputs. A later run skips a picture with an equal key."""
    return str(record["image"]), str(record.get("pipeline")), json.dumps(record.get("inputs") or {}, sort_keys=True)


def format_line(record: PictureRecord) -> str:
    """Return ``record`` as one line without a newline. Its first key must be ``image``, which identifies a partial line."""
    return json_text(record)


class ResultsFile:
    """Appends lines, each in one write, so that the file is valid whenever the process stops.

    Opening it removes a last line that is incomplete, and the lines of ``again`` that failed, because these pictures run
    again. Used by one thread.

    Attributes:
        answered: keys of the lines with ``ok`` true.

    Raises:
        ConfigurationError: the file is not a results file, or cannot be read or written.
    """

    def __init__(self, file: Path, again: Container[Key]) -> None:
        self._file = file
        with _name_file(file):
            self._open(file, again)

    def write(self, record: PictureRecord) -> None:
        """Append a line. Raises as the constructor."""
        line = format_line(record).encode() + b"\n"
        with _name_file(self._file):
            written = os.write(self._stream.fileno(), line)
            # A full disk takes a part first.
            if written < len(line):
                os.write(self._stream.fileno(), line[written:])

    def _open(self, file: Path, again: Container[Key]) -> None:
        if file.exists() and not file.is_file():
            raise ConfigurationError(
                f"the results file {str(file)!r} is {'a folder' if file.is_dir() else 'no regular file'}; "
                "give a file to --out, or omit it for stdout"
            )
        self.answered, size = set(), 0
        for line, record in _read_lines(file):
            if record["ok"]:
                self.answered.add(record_key(record))
            size += len(line) + 1 if _is_kept(record, again) else 0
        if not file.exists() or file.stat().st_size != size:
            file.parent.mkdir(parents=True, exist_ok=True)
            # A second time, because a file of results may be larger than the memory.
            with open_atomic(file, mode=0o666) as stream:
                stream.writelines(line + b"\n" for line, record in _read_lines(file) if _is_kept(record, again))
        self._stream = append_to_regular(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stream.close()


@contextmanager
def _name_file(file: Path) -> Iterator[None]:
    """Translate an OSError of the block, which does nothing but read and write ``file``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if error.filename not in (None, str(file), file):
            reason = f"{error.filename}: {reason}"
        raise ConfigurationError(
            f"the results file {str(file)!r} cannot be written: {reason}; give another file to --out",
            next_step="give another file to --out",
        ) from error


def _is_kept(record: PictureRecord, again: Container[Key]) -> bool:
    return bool(record["ok"]) or record_key(record) not in again


def _read_lines(file: Path) -> Iterator[tuple[bytes, PictureRecord]]:
    """Yield the complete lines with their records, the last one also if only its newline is missing."""
    if not file.exists():
        return
    with open_regular(file) as stream:
        for number, line in enumerate(iter(lambda: stream.readline(RESULT_LINE.max_bytes + 1), b""), start=1):
            content = line.removesuffix(b"\n")
            record = _parse_record(content)
            if record is not None:
                yield content, record
            # The last one is removed only if it is the beginning of one of our lines, so that no other file is damaged.
            elif line.endswith(b"\n") or line[: len(_FIRST)] != _FIRST[: len(line)] or len(line) > RESULT_LINE.max_bytes:
                raise ConfigurationError(
                    f"{str(file)!r}, line {number} was not written by 'turnout run'; give another file to --out"
                )


def _parse_record(line: bytes) -> PictureRecord | None:
    try:
        record = parse_json(line, RESULT_LINE)
    except ValueError:
        return None
    is_record = isinstance(record, dict) and isinstance(record.get("image"), str) and isinstance(record.get("ok"), bool)
    return record if is_record else None
