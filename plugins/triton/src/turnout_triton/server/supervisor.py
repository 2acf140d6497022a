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
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # linux/prctl.h
_CANNOT_RUN = 126  # the shell's exit code for a program that exists and cannot be executed
_REGIONS = Path("/dev/shm")  # noqa: S108  # where the kernel keeps POSIX shared memory
_ENVIRONMENTS = Path("/tmp")  # noqa: S108  # where the python backend makes folders, whatever TMPDIR says (2.51)
_BACKEND = "libtriton_python.so"
_CLOCK_SECONDS = 1.0  # between the clock of files and that of processes


def main() -> None:
    """Run the server until it ends or must stop; report its exit code; remove its processes and regions."""
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, _exit)
    _control_process(_SET_SUBREAPER, 1)  # stubs of a killed server become children of this process, which reaps them
    prefix = f"turnout-triton-{os.getpid()}-"
    starter, since = os.pidfd_open(order["starter"]), time.time()
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
        _sweep_environments(since)
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


def _sweep_environments(since: float) -> None:
    """Remove the folders for Python environments that the server made, and a killed one leaves.

    Nothing links a folder to its server. So each one that is not older than this server is removed unless a running server is
    old enough to have made it; the supervisor of that one removes it later.
    """
    made = [(folder, at) for folder in _ENVIRONMENTS.glob("python_env_??????") if (at := _own_since(folder, since))]
    running = [start for process in Path("/proc").glob("[0-9]*") if (start := _start_of_server(process))] if made else []
    for folder, at in made:
        if all(start > at + _CLOCK_SECONDS for start in running):
            shutil.rmtree(folder, ignore_errors=True)


def _own_since(folder: Path, since: float) -> float | None:
    """Return the time of ``folder`` if it is this user's and not older than ``since``."""
    try:
        found = folder.lstat()
    except OSError:  # its server removed it
        return None
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_ctime >= since - _CLOCK_SECONDS
    return found.st_ctime if is_own else None


def _start_of_server(process: Path) -> float | None:
    """Return when ``process`` started if it is a process of this user with Triton's python backend."""
    try:
        if process.stat().st_uid != os.getuid() or _BACKEND not in (process / "maps").read_text(errors="replace"):
            return None
        ticks = int((process / "stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError):  # it has ended
        return None
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


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
