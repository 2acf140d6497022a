"""Lines that C libraries write to standard error past Python, made safe by a process of their own.

Such a line may contain a stranger's text, as a warning of ONNX Runtime has the names of a graph. The process outlives the
command, so the last words of a library that aborts are not lost. An app that imports Turnout has no such process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from turnout.cli.library_line_printer import print_library_lines
from turnout.hidden_values import report_hidden_values

_WAIT_SECONDS = 1.0
# Those that a terminal or a shell sends to the whole group of a command.
_GROUP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")


class LibraryLines:
    """The process that prints what is written to descriptor 2, while ``sys.stderr`` goes past it."""

    _started: LibraryLines | None = None

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    @classmethod
    def start(cls) -> None:
        """Start it, once; not where there is no fork, or where locks of other threads would be forked too."""
        if cls._started is not None or not hasattr(os, "fork") or threading.active_count() > 1:
            return
        try:
            cls._started = cls._fork()
        except OSError as error:
            os.write(2, f"warning: lines of C libraries are printed as they are: {error.strerror}\n".encode())
            return
        report_hidden_values(cls._started._send)

    @classmethod
    def wait(cls) -> None:
        """Wait until all that was written so far is printed, for one second at most."""
        if cls._started is not None:
            with suppress(OSError):
                cls._started._send(())
                cls._started._control.recv(1)

    @classmethod
    def _fork(cls) -> LibraryLines:
        reader, writer = os.pipe()
        control, other = socket.socketpair()
        with other:
            try:
                with _blocked_signals():
                    if os.fork() == 0:
                        print_library_lines(reader, other)
                control.settimeout(_WAIT_SECONDS)
                _redirect(writer)
            finally:
                os.close(reader)
                os.close(writer)
        return cls(control)

    def _send(self, values: Sequence[tuple[str, str]]) -> None:
        """Send values that are hidden from now on; none of them asks for an answer, once all lines are printed."""
        # A process that has been killed must not fail the command.
        with suppress(OSError):
            self._control.sendall(json.dumps(values).encode() + b"\n")


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Let signals for the group wait, so that none ends a child before its first line; the child keeps them blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in _GROUP_SIGNALS])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _redirect(writer: int) -> None:
    """Let descriptor 2 be ``writer``, and ``sys.stderr`` write to what it was."""
    own = os.dup(2)
    os.dup2(writer, 2)
    encoding = sys.stderr.encoding
    sys.stderr = os.fdopen(own, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False)
