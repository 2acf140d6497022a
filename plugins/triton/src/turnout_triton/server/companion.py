"""A command that runs beside a server, for as long as itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from turnout.errors import ConfigurationError
from turnout_triton.server.local_server import LocalServer

SERVER_DIED = 3


def run_beside(server: LocalServer, command: Sequence[str], tell: Callable[[str], None]) -> int:
    """Run ``command`` with the server's addresses in its environment; return its exit code, 3 if only the server failed.

    A server that dies meanwhile is told of at once; the command goes on, since it may have something to fall back to.

    Raises:
        ConfigurationError: the command cannot be started.
    """
    finished = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, finished, tell), name="triton-watch", daemon=True)
    with _Signals() as signals:
        try:
            process = subprocess.Popen(list(command), env=os.environ | addresses(server) | _path())  # noqa: S603  # the user's
        except OSError as error:
            raise ConfigurationError(
                f"the command {command[0]!r} cannot be run: {error.strerror}; correct what stands behind --"
            ) from error
        signals.pass_to(process)
        watch.start()
        code = _wait(process)
        finished.set()
        watch.join()
    if code == 0 and not server.running:
        return SERVER_DIED
    return 128 - code if code < 0 else code


class _Signals:
    """Leaves Ctrl-C to the command, which the terminal tells too, and passes on SIGTERM and SIGHUP.

    Handlers that raise would lose the command's exit code when they interrupt the wait for it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._told = False
        self._kept: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._kept = {number: signal.signal(number, self._pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
        # A function, since what is ignored here would be ignored by the command too.
        self._kept[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._kept.items():
            signal.signal(number, handler)

    def pass_to(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on signals to ``process``, also those that came before it."""
        self._process = process
        if self._told:
            process.send_signal(signal.SIGTERM)

    def _pass_on(self, *_: object) -> None:
        self._told = True
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)


def addresses(server: LocalServer) -> dict[str, str]:
    """Return the variables that tell a command where the server is."""
    return {
        "TRITON_URL": server.grpc_url,
        "TRITON_HTTP_URL": f"http://{server.http_url}",
        "TRITON_METRICS_URL": server.metrics_url,
        "INFERENCE_BACKEND": "triton",
    }


def _wait(process: subprocess.Popen[bytes]) -> int:
    # In turns, since a signal that arrives just before a wait without an end would not be handled before that wait ends.
    while True:
        try:
            return process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            continue


def _path() -> dict[str, str]:
    """Let the command find the programs of this environment, such as ``turnout``, when it is not activated."""
    return {"PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"}


def _watch(server: LocalServer, finished: threading.Event, tell: Callable[[str], None]) -> None:
    while not finished.wait(0.1):
        if not server.running:
            tell(f"error: {server.death()}")
            return
