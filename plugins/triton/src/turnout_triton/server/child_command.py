"""The child command of ``turnout triton serve``: it runs while a server runs, and ends both."""

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


def run_command(server: LocalServer, command: Sequence[str], report: Callable[[str], None]) -> int:
    """Run ``command`` with the server's addresses in its environment; return its exit code, or 3 if only the server failed.

    If the server dies meanwhile, that is reported at once; the command goes on, since it may have a fallback.

    Raises:
        ConfigurationError: the command cannot be started.
    """
    finished = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, finished, report), name="triton-watch", daemon=True)
    with _SignalForwarding() as signals:
        try:
            process = subprocess.Popen(  # noqa: S603  # the user's
                list(command), env=os.environ | addresses(server) | _path(), stderr=_standard_error()
            )
        except OSError as error:
            raise ConfigurationError(
                f"the command {command[0]!r} cannot be run: {error.strerror}; correct the command after --"
            ) from error
        signals.forward_to(process)
        watch.start()
        code = _wait(process)
        finished.set()
        watch.join()
    if code == 0 and not server.running:
        return SERVER_DIED
    return 128 - code if code < 0 else code


def _standard_error() -> int | None:
    """Return the descriptor of the terminal: to descriptor 2 of a command of Turnout only C libraries write."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # a stream of a test
        return None


class _SignalForwarding:
    """Forwards SIGTERM and SIGHUP to the command; ignores Ctrl-C, which the terminal sends to the command too.

    Handlers that raise would lose the command's exit code when they interrupt the wait for it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pending = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._forward) for number in (signal.SIGTERM, signal.SIGHUP)}
        # A function instead of SIG_IGN, which the command would inherit.
        self._previous[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def forward_to(self, process: subprocess.Popen[bytes]) -> None:
        """Forward signals to ``process``, also one that arrived before it was started."""
        self._process = process
        if self._pending:
            process.send_signal(signal.SIGTERM)

    def _forward(self, *_: object) -> None:
        self._pending = True
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)


def addresses(server: LocalServer) -> dict[str, str]:
    """Return the environment variables with the server's addresses."""
    return {
        "TRITON_URL": server.grpc_url,
        "TRITON_HTTP_URL": f"http://{server.http_url}",
        "TRITON_METRICS_URL": server.metrics_url,
        "INFERENCE_BACKEND": "triton",
    }


def _wait(process: subprocess.Popen[bytes]) -> int:
    # In turns: a signal that arrives just before an endless wait would not be handled until that wait ends.
    while True:
        try:
            return process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            continue


def _path() -> dict[str, str]:
    """Return a PATH with the programs of this environment, such as ``turnout``, also when it is not activated."""
    return {"PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"}


def _watch(server: LocalServer, finished: threading.Event, report: Callable[[str], None]) -> None:
    while not finished.wait(0.1):
        if not server.running:
            report(f"error: {server.death()}")
            return
