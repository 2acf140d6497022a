"""Runs a server in a session of its own and cleans up behind it, whatever ends first: the server, or who started it.

A program of its own, of the standard library only: ``python -I -S supervisor.py ORDER``, with ``ORDER`` as JSON:
``command`` (``{prefix}`` in it stands for the prefix of shared memory regions), ``set`` and ``unset`` (variables),
``grace_seconds``, ``starter`` (a pid). The end of stdin, or of the starter, ends the server. stdout carries two lines: the
server's pid, and in the end its exit code. The server writes to stderr.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # linux/prctl.h
_CANNOT_RUN = 126  # the shell's exit code for a program that is there and cannot be run
_REGIONS = Path("/dev/shm")  # noqa: S108  # where the kernel keeps POSIX shared memory


def main() -> None:
    """Run the server until it ends or has to; report; leave nothing behind."""
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, _leave)
    _control_process(_SET_SUBREAPER, 1)  # stubs of a killed server become children of this process, which reaps them
    prefix = f"turnout-triton-{os.getpid()}-"
    starter = os.pidfd_open(order["starter"])
    try:
        server = _start(order, prefix)
    except OSError as error:
        sys.stderr.write(f"{order['command'][0]} cannot be run: {error.strerror}\n")
        _tell(0)
        _tell(_CANNOT_RUN)
        return
    _tell(server.pid)
    try:
        _wait_for_an_end(server.pid, starter)
    finally:
        code = _end(server, float(order["grace_seconds"]))
        _sweep(prefix)
        _tell(code)


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


def _wait_for_an_end(pid: int, starter: int) -> None:
    ends = select.poll()
    for descriptor in (0, starter, os.pidfd_open(pid)):
        ends.register(descriptor, select.POLLIN | select.POLLHUP)
    ends.poll()


def _end(server: subprocess.Popen[bytes], grace_seconds: float) -> int:
    """Ask the server to end, then end its whole group; return its exit code."""
    # The group is killed before the server is reaped: until then nobody else can be given its number.
    if _alive(server.pid):
        _signal_group(server.pid, signal.SIGTERM)
        _signal_group(server.pid, signal.SIGCONT)
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


def _alive(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _sweep(prefix: str) -> None:
    for region in _REGIONS.glob(f"{prefix}*"):
        region.unlink(missing_ok=True)


def _tell(number: int) -> None:
    try:
        os.write(1, f"{number}\n".encode())
    except BrokenPipeError:
        return


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    main()
