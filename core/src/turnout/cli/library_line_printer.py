"""The process that prints lines of C libraries, until every writer is gone."""

from __future__ import annotations

import json
import os
import re
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from turnout.cli.standard_streams import open_closed_streams
from turnout.hidden_values import hide_values
from turnout.shown_text import shown

PREFIX = "library: "
"""The beginning of each line: a line break in a foreign text would otherwise forge a line of Turnout's."""

_PART = 65_536
# Far more than is shown of a line.
_LONGEST_LINE = 1_000_000
# A line without its end, such as a question, is printed after this time.
_PATIENCE_SECONDS = 0.2
_COLOR = re.compile(r"\x1b\[[0-9;]{0,20}m")


def print_library_lines(reader: int, control: socket.socket) -> NoReturn:
    """Print what ``reader`` yields on standard error, a safe line each, then end this process.

    Signals are for the command, whose end closes the other side of ``reader``: the caller has blocked those that end a process.
    """
    try:
        _close_others({2, reader, control.fileno()})
        _LibraryLinePrinter(reader, control).run()
    finally:
        os._exit(0)


def _close_others(kept: set[int]) -> None:
    """Close what the command may close, such as a pipe whose reader waits for its end."""
    for number in {int(path.name) for path in Path("/dev/fd").iterdir()} - kept:
        with suppress(OSError):
            os.close(number)
    open_closed_streams()


class _LibraryLinePrinter:
    """Reads lines from ``reader``, and from ``control`` what to hide in them; an empty order asks for an answer."""

    def __init__(self, reader: int, control: socket.socket) -> None:
        self._reader, self._control = reader, control
        self._line, self._orders = b"", b""
        self._has_writers, self._has_orders = True, True
        os.set_blocking(reader, False)
        control.setblocking(False)

    def run(self) -> None:
        while self._has_writers:
            waits: list[int] = [self._reader, *([self._control.fileno()] if self._has_orders else [])]
            ready, _, _ = select.select(waits, [], [], _PATIENCE_SECONDS if self._line else None)
            if not ready:
                self._end_line()
            # Values first: they were hidden before the lines that contain them were written.
            if self._has_orders:
                self._read_orders()
            self._read_lines()
        self._end_line()

    def _read_orders(self) -> None:
        # A command that was killed resets the connection.
        with suppress(ConnectionError):
            while part := self._receive():
                *orders, self._orders = (self._orders + part).split(b"\n")
                for order in map(json.loads, orders):
                    self._obey(order)
            if part is None:
                return
        self._has_orders = False

    def _receive(self) -> bytes | None:
        """Return what was sent; None if nothing was, and nothing at the end."""
        with suppress(BlockingIOError):
            return self._control.recv(_PART)
        return None

    def _obey(self, values: list[tuple[str, str]]) -> None:
        hide_values(values)
        if not values:
            self._read_lines()
            self._end_line()
            with suppress(OSError):
                self._control.send(b"\n")

    def _read_lines(self) -> None:
        with suppress(BlockingIOError):
            while part := os.read(self._reader, _PART):
                *lines, rest = part.split(b"\n")
                for line in lines:
                    self._line += line
                    self._end_line()
                self._line = (self._line + rest)[:_LONGEST_LINE]
            self._has_writers = False

    def _end_line(self) -> None:
        text = _COLOR.sub("", self._line.decode("utf-8", "backslashreplace")).strip()
        self._line = b""
        if text:
            line = f"{PREFIX}{shown(text)}\n".encode("utf-8", "backslashreplace")
            with suppress(OSError):
                while line:
                    line = line[os.write(2, line) :]
