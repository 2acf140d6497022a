"""Processes of these tests: a free port, a child with its log, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def get(url: str, timeout: float = 10) -> bytes:
    """Return the body of ``url``; another status than 200 raises ``HTTPError``."""
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        body: bytes = answer.read()
    return body


def wait_until(is_so: Callable[[], object], *, seconds: float = 30, what: str = "it") -> None:
    """Wait until a function returns something true, for ``seconds`` at most."""
    limit = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > limit:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


class Process:
    """A child process with its log in a file, in a process group of its own; a context manager, which ends the group."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                list(command), stdout=output, stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def wait_for(self, url: str, seconds: float = 60) -> None:
        """Wait until ``url`` answers with 200."""

        def answers() -> bool:
            if self._child.poll() is not None:
                raise AssertionError(f"{self._child.args} ended with {self._child.returncode}:\n{self.log.read_text()[-4000:]}")
            try:
                get(url, 1)
            except OSError:
                return False
            return True

        wait_until(answers, seconds=seconds, what=url)

    def close(self) -> None:
        """End the process, and whatever of its group is left after 10 s."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._child.pid, signal.SIGKILL)
                self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
