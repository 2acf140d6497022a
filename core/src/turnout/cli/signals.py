"""Signals that end a command: it cleans up, prints one line, and its exit code is 128 and the number of the signal."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from turnout.cli.standard_streams import error_descriptor
from turnout.files.temporary import remove_temporaries
from turnout.shown_text import shown

GRACE_SECONDS = 5.0
"""How long a command may clean up, also one that is inside a C library."""
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """The signal ``number`` has arrived. As KeyboardInterrupt, it passes everything that handles errors."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def report_interrupt(interrupt: BaseException | None) -> int:
    """Print one line, with the notes that the command added to ``interrupt``; return the exit code."""
    _Handler.reported = True
    with suppress(OSError):
        print(shown("; ".join(["interrupted", *getattr(interrupt, "__notes__", ())])), file=sys.stderr, flush=True)
    return interrupt.exit_code if isinstance(interrupt, Stopped) else 128 + signal.SIGINT


def handle_signals() -> None:
    """Raise ``Stopped`` in the main thread at the first signal that ends a process; end at the second, or after 5 s.

    A signal that the parent ignores, as ``nohup`` does, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (getattr(signal, name) for name in _ENDING if hasattr(signal, name)):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _Handler.receive)


def end_at_signals() -> None:
    """End at the next signal: the command has ended, and nothing could handle ``Stopped`` any more."""
    _Handler.stopping = True


class _Handler:
    """The state of the process: whether it is stopping already, and whether its user knows."""

    stopping = False
    reported = False

    @classmethod
    def receive(cls, number: int, _: FrameType | None) -> None:
        """Raise ``Stopped``, or end the process if an earlier signal has done so."""
        if cls.stopping:
            cls._end(number)
        cls.stopping = True
        # Not threading.Thread, whose lock the interrupted main thread may hold.
        _thread.start_new_thread(cls._end_later, (number,))
        raise Stopped(number)

    @classmethod
    def _end_later(cls, number: int) -> None:
        time.sleep(GRACE_SECONDS)
        cls._end(number)

    @classmethod
    def _end(cls, number: int) -> NoReturn:
        """End without waiting for threads; only what would be left half-written is removed first."""
        try:
            remove_temporaries()
            # Not print: the main thread may be inside a write to the same stream.
            os.write(error_descriptor(), b"" if cls.reported else b"interrupted\n")
        finally:
            os._exit(128 + number)
