"""Standard streams that a daemon has closed, and the last write to those that are open."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import TextIO, cast

OUTPUT_CLOSED = 128 + 13
"""The exit code that a shell shows for a program that SIGPIPE has ended, as most programs end when their reader is gone."""

_MODES = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
"""How each is opened on the null device. Standard output for reading: a result without a reader is an error."""

_closed: set[int] = set()


def open_closed_streams() -> None:
    """Open standard input, output and error if they are closed, so that no other file gets their numbers.

    A C library that prints would write into that file.
    """
    _closed.update(number for number in _MODES if not _is_open(number))
    for number in sorted(_closed):
        opened = os.open(os.devnull, _MODES[number])
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        os.set_inheritable(number, True)
    # Python has None in place of a stream that was closed when it started.
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")


def _stream(number: int, mode: str) -> TextIO:
    return cast("TextIO", os.fdopen(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))


def error_descriptor() -> int:
    """Return the descriptor of the terminal or file to which ``sys.stderr`` writes; 2 belongs to C libraries."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError):  # a stream of a test
        return 2


def flush_output() -> OSError | None:
    """Write what is buffered; return the error if that fails. Nothing is written later, when Python ends."""
    failed = None
    for stream in (sys.stdout, sys.stderr):
        if stream.closed:  # by the command, or by a library
            continue
        try:
            stream.flush()
        except OSError as error:
            failed = failed or error
    return failed


def discard_output() -> None:
    """Write nothing more, not even what is buffered."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number in {1, 2, error_descriptor()}:
        with suppress(OSError):
            os.dup2(null, number)


def output_is_closed() -> bool:
    """Return whether standard output was closed when this process started."""
    return 1 in _closed


def reader_is_gone() -> bool:
    """Return whether the other end of standard output or error is closed, as ``head`` closes it once it has enough."""
    return any(_is_broken(number) for number in (1, error_descriptor()))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _is_broken(number: int) -> bool:
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    with suppress(OSError):
        return any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in poll.poll(0))
    return False
