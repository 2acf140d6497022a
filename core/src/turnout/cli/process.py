"""The process of a command line, from its command to its exit code."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

from turnout.cli.library_lines import LibraryLines
from turnout.cli.signals import Stopped, end_at_signals, handle_signals, report_interrupt
from turnout.cli.standard_streams import (
    OUTPUT_CLOSED,
    discard_output,
    error_descriptor,
    flush_output,
    open_closed_streams,
)
from turnout.shown_text import shown


def run_process() -> NoReturn:
    """Run the command line of this process and exit."""
    open_closed_streams()
    LibraryLines.start()
    handle_signals()
    code, interrupt = _run()
    end_at_signals()
    code = _write_rest(code)
    LibraryLines.wait()
    if interrupt:
        # Without waiting for threads, such as one in a request to a server that hangs: the user wants the end.
        atexit._run_exitfuncs()
        os._exit(code)
    sys.exit(code)


def _run() -> tuple[int, bool]:
    """Return the exit code of the command, and whether a signal has ended it."""
    try:
        # Imported here, because it takes a while and a signal may arrive meanwhile.
        from turnout.cli.group import main

        main()
    except SystemExit as end:
        return _code(end), isinstance(end.__cause__, Stopped)
    except KeyboardInterrupt as interrupt:
        return report_interrupt(interrupt), isinstance(interrupt, Stopped)


def _code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    # A plugin's text, and the streams are not guarded any more.
    with suppress(OSError):
        print(shown(str(end.code)), file=sys.stderr)
    return 1


def _write_rest(code: int) -> int:
    """Write what is buffered; return the exit code, which is not 0 if that fails."""
    error = flush_output()
    if error is None:
        return code
    gone = isinstance(error, BrokenPipeError)
    if not gone and not code:
        with suppress(OSError):
            os.write(error_descriptor(), f"error: the output cannot be written: {error.strerror}\n".encode())
    discard_output()
    return code or (OUTPUT_CLOSED if gone else 1)
