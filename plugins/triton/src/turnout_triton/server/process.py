"""A server process under its supervisor: its start, its log and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from turnout_triton.server import supervisor
from turnout_triton.server.orphans import sweep_orphans
from turnout_triton.server.process_states import is_stopped

Log = Callable[[str], None]
_UNSET = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
TAIL_LINES = 200
_PAUSE_SECONDS = 5.0


class ServerProcess:
    """A process of ``command`` with ``variables`` set, in a session of its own; ``log`` receives each line that it writes.

    ``folder`` is removed at its end.

    Whatever ends this process, the supervisor kills the server's whole group and removes its shared memory regions. Two threads
    read the log and the exit code; ``end`` joins them. ``ended`` is an event and ``tail`` copies a deque, so neither needs a
    lock.
    """

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], log: Log, grace_seconds: float, folder: Path | None = None
    ) -> None:
        self._log = log
        self._owner = os.getpid()
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self.ended = threading.Event()
        self.exit_code: int | None = None
        order = {
            "command": list(map(_in_utf8, command)),
            "set": {name: _in_utf8(value) for name, value in variables.items()},
            "folder": None if folder is None else _in_utf8(str(folder)),
            "unset": _UNSET,
            "grace_seconds": grace_seconds,
            "starter": self._owner,
        }
        self._supervisor = _start_supervisor(order)
        self.pid = int(self._stream(self._supervisor.stdout).readline() or 0)
        self._threads = [
            threading.Thread(target=self._read_log, name=f"triton-log-{self.pid}", daemon=True),
            threading.Thread(target=self._read_exit_code, name=f"triton-end-{self.pid}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def tail(self) -> list[str]:
        """The last lines that the server wrote, up to 200."""
        return list(self._lines)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server itself, not to its group."""
        if self.pid and not self.ended.is_set():
            os.kill(self.pid, number)

    def pause(self) -> None:
        """Stop every thread of the server itself, until it gets SIGCONT; blocks until they are stopped, 5 s at most."""
        self.signal(signal.SIGSTOP)
        # The signal reaches one thread, which stops the others once it has a core: until then they may answer a request.
        ends = time.monotonic() + _PAUSE_SECONDS
        while not is_stopped(self.pid) and time.monotonic() < ends:
            time.sleep(0.001)

    def end(self) -> None:
        """Stop the server and wait until its whole group has ended. Does nothing in a forked child, or a second time."""
        if os.getpid() != self._owner or self._supervisor.returncode is not None:
            return
        self._stream(self._supervisor.stdin).close()
        self._supervisor.wait()
        self.ended.wait()
        if self.exit_code is None:
            self._clean_up()
        for thread in self._threads:
            thread.join()
        self._stream(self._supervisor.stdout).close()
        self._stream(self._supervisor.stderr).close()

    def _clean_up(self) -> None:
        """Clean up after a killed supervisor: its server died with it, but stubs and regions may remain."""
        if self.pid:  # killpg(0) would kill this process's own group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        sweep_orphans()

    def _read_log(self) -> None:
        for line in self._stream(self._supervisor.stderr):
            self._lines.append(line.rstrip("\n"))
            self._log(line.rstrip("\n"))

    def _read_exit_code(self) -> None:
        line = self._stream(self._supervisor.stdout).readline()
        self.exit_code = int(line) if line else None
        self.ended.set()

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise RuntimeError("the supervisor was started without pipes")
        return stream


def _in_utf8(text: str) -> str:
    """Return ``text`` as the supervisor decodes its bytes: it runs in UTF-8 mode, this process perhaps not."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def _start_supervisor(order: Mapping[str, object]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-I", "-S", "-X", "utf8", str(Path(supervisor.__file__)), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        # A session of its own: Ctrl-C in the terminal must not end the supervisor before it has cleaned up.
        start_new_session=True,
    )
