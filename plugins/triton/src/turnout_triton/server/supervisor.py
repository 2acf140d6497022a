"""Supervisor of a server: runs it in a session of its own and cleans up after it, whether the server or its starter ends first.

A separate program with the standard library only: ``python -I -S supervisor.py ORDER``, with ``ORDER`` as JSON: ``command``
(``{prefix}`` in it is replaced by the prefix of shared memory regions), ``set`` and ``unset`` (environment variables),
``grace_seconds``, ``starter`` (a pid), ``folder`` (removed at the end, or null). End of file on stdin, or the end of the
starter, stops the server. stdout has two lines: the server's pid, and at the end its exit code. The server writes to stderr.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # linux/prctl.h
_CANNOT_RUN = 126  # the shell's exit code for a program that exists and cannot be executed
_REGIONS = Path("/dev/shm")  # noqa: S108  # where the kernel keeps POSIX shared memory


def main() -> None:
    """Run the server until it ends or must stop; report its exit code; remove its processes and regions."""
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, _exit)
    _control_process(_SET_SUBREAPER, 1)  # stubs of a killed server become children of this process, which reaps them
    prefix = f"turnout-triton-{os.getpid()}-"
    starter = os.pidfd_open(order["starter"])
    try:
        server = _start(order, prefix)
    except OSError as error:
        sys.stderr.write(f"{order['command'][0]} cannot be run: {error.strerror}\n")
        _report(0)
        _report(_CANNOT_RUN)
        return
    _report(server.pid)
    try:
        _wait_for_end(server.pid, starter)
    finally:
        code = _stop(server, float(order["grace_seconds"]))
        _sweep(prefix)
        if order["folder"]:
            shutil.rmtree(order["folder"], ignore_errors=True)
        _report(code)


def _start(order: dict[str, Any], prefix: str) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if name not in order["unset"]}
    command = [argument.replace("{prefix}", prefix) for argument in order["command"]]
    return subprocess.Popen(  # noqa: S603  # the command is the starter's
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        env=variables | order["set"],
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509  # this process has one thread
    )


def _die_with_parent() -> None:
    _control_process(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _control_process(what: int, value: int) -> None:
    ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


def _wait_for_end(pid: int, starter: int) -> None:
    ends = select.poll()
    for descriptor in (0, starter, os.pidfd_open(pid)):
        ends.register(descriptor, select.POLLIN | select.POLLHUP)
    ends.poll()


def _stop(server: subprocess.Popen[bytes], grace_seconds: float) -> int:
    """Terminate the server, then kill its whole group; return its exit code."""
    # The group is killed before the server is reaped: until then the kernel cannot reuse its number.
    if _is_alive(server.pid):
        _signal_group(server.pid, signal.SIGTERM)
        _signal_group(server.pid, signal.SIGCONT)  # a paused server handles SIGTERM only then
        waiting = select.poll()
        waiting.register(os.pidfd_open(server.pid), select.POLLIN)
        waiting.poll(grace_seconds * 1000)
    _signal_group(server.pid, signal.SIGKILL)
    code = server.wait()
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return code


def _is_alive(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _sweep(prefix: str) -> None:
    for region in _REGIONS.glob(f"{prefix}*"):
        region.unlink(missing_ok=True)


def _report(number: int) -> None:
    try:
        os.write(1, f"{number}\n".encode())
    except BrokenPipeError:
        return


def _exit(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    main()
