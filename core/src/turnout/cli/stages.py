"""The stage of a long command, on stderr while it works, with the seconds since its start.

A stage is a log record of level INFO, of Turnout or of a plugin, that begins with a verb in -ing: ``exporting model 'm'``. It
lasts until the next record of that level. So a plugin takes part by logging its life events.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from turnout import logs
from turnout.cli.options import QUIET
from turnout.cli.printing import print_line, print_warning
from turnout.shown_text import shown

_STAGE = re.compile(r"[a-z]+ing\b")
_TICK_SECONDS = 0.2
_FIRST_SECONDS = 1.0
_AGAIN_SECONDS = 15.0
_COLUMNS = 80


@contextmanager
def show_stages(meta: MutableMapping[str, Any]) -> Iterator[None]:
    """Show stages on stderr, and warnings, until the block ends."""
    lively = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    display = _LiveLine(getattr(sys.stderr, "trusted", sys.stderr)) if lively else _Lines()
    handler = _StageHandler(display, lambda: bool(meta.get(QUIET)))
    with display.shared_terminal(), _logged(handler):
        try:
            yield
        finally:
            handler.stop()


class _Lines:
    """A line for each stage that takes longer than a second, and one each 15 s after it."""

    def __init__(self) -> None:
        self._due = _FIRST_SECONDS

    def show(self, stage: str, seconds: float) -> None:
        if seconds >= self._due:
            self._due = seconds + _AGAIN_SECONDS
            print_line("working", f"{stage}, {seconds:.0f} s")

    def end(self) -> None:
        self._due = _FIRST_SECONDS

    @contextmanager
    def shared_terminal(self) -> Iterator[None]:
        yield


class _LiveLine:
    """One line of a terminal, which is erased before anything else is printed. Thread-safe: ``_lock`` orders all output."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._drawn = False
        # A progress bar of someone else leaves its line open.
        self._open_line = False

    def show(self, stage: str, seconds: float) -> None:
        with self._lock:
            if not self._open_line:
                text = f"{stage}  {seconds:.0f} s"
                self._stream.write(f"\r\x1b[K{text[: max(self._columns() - 1, 1)]}")
                self._stream.flush()
                self._drawn = True

    def end(self) -> None:
        with self._lock:
            if self._drawn:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
                self._drawn = False

    @contextmanager
    def shared_terminal(self) -> Iterator[None]:
        """Erase the line before a write to stdout or stderr."""
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (_Erasing(stream, self._write) for stream in streams)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams

    def _write(self, stream: TextIO, text: str) -> int:
        with self._lock:
            self.end()
            if text and stream.isatty():
                self._open_line = not text.endswith("\n")
            return stream.write(text)

    def _columns(self) -> int:
        with suppress(OSError, ValueError):
            # A terminal that does not know its size says 0.
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        return _COLUMNS


class _Erasing:
    """A stream whose ``write`` calls ``before``; everything else is the stream's own."""

    def __init__(self, stream: TextIO, write: Callable[[TextIO, str], int]) -> None:
        self._stream = stream
        self._write = write

    def write(self, text: str) -> int:
        """Write ``text`` after the live line is erased."""
        return self._write(self._stream, text)

    @property
    def trusted(self) -> _Erasing:
        """The stream for a program that draws on the terminal; the live line is erased before that too."""
        return _Erasing(getattr(self._stream, "trusted", self._stream), self._write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _StageHandler(logging.Handler):
    """Shows the stage that was logged last, until ``stop``. Its thread starts with the first stage."""

    def __init__(self, display: _Lines | _LiveLine, quiet: Callable[[], bool]) -> None:
        super().__init__(logging.INFO)
        self._display = display
        self._quiet = quiet
        self._stage: tuple[str, float] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        # Also of a plugin whose package is not called turnout.
        message = shown(record.getMessage())
        if record.levelno >= logging.WARNING:
            # As Python prints it where no handler is: a handler of the program's own prints it itself.
            if not logging.root.handlers and not logs.is_on():
                print_warning(message)
            return
        self._stage = (message, time.monotonic()) if _STAGE.match(message) else None
        self._display.end()
        if self._stage is not None and self._thread is None and not self._quiet():
            self._thread = threading.Thread(target=self._run, name="turnout-stages", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and erase the line."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._display.end()

    def _run(self) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            stage = self._stage
            if stage is not None:
                self._display.show(stage[0], time.monotonic() - stage[1])


@contextmanager
def _logged(handler: logging.Handler) -> Iterator[None]:
    """Give ``handler`` the records of Turnout and of every plugin's package."""
    loggers = [logging.getLogger(package) for package in logs.packages()]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        if not logger.isEnabledFor(logging.INFO):
            logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
