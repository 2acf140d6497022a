"""A command that runs beside a server, for as long as itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from turnout.errors import ConfigurationError
from turnout_triton.server.local_server import LocalServer

SERVER_DIED = 3


def run_beside(server: LocalServer, command: Sequence[str], tell: Callable[[str], None]) -> int:
    """Run ``command`` with the server's addresses in its environment; return its exit code, 3 if only the server failed.

    A server that dies meanwhile is told of at once; the command goes on, since it may have something to fall back to.

    Raises:
        ConfigurationError: the command cannot be started.
    """
    try:
        process = subprocess.Popen(list(command), env=os.environ | addresses(server) | _path())  # noqa: S603  # the user's
    except OSError as error:
        raise ConfigurationError(
            f"the command {command[0]!r} cannot be run: {error.strerror}; correct what stands behind --"
        ) from error
    finished = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, finished, tell), name="triton-watch", daemon=True)
    watch.start()
    try:
        code = _wait(process)
    finally:
        finished.set()
        watch.join()
    if code == 0 and not server.running:
        return SERVER_DIED
    return 128 - code if code < 0 else code


def addresses(server: LocalServer) -> dict[str, str]:
    """Return the variables that tell a command where the server is."""
    return {
        "TRITON_URL": server.grpc_url,
        "TRITON_HTTP_URL": f"http://{server.http_url}",
        "TRITON_METRICS_URL": server.metrics_url,
        "INFERENCE_BACKEND": "triton",
    }


def _path() -> dict[str, str]:
    """Let the command find the programs of this environment, such as ``turnout``, when it is not activated."""
    return {"PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"}


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:  # the terminal has told the command too, and it may have something to finish
        return process.wait()
    except SystemExit:  # this process was told to end, the command was not
        process.send_signal(signal.SIGTERM)
        return process.wait()


def _watch(server: LocalServer, finished: threading.Event, tell: Callable[[str], None]) -> None:
    while not finished.wait(0.1):
        if not server.running:
            tell(f"error: {server.death()}")
            return
