"""Forks a process while four of its threads send requests. Run by test_forks.py: URL, threshold (-1: wire), ending, forks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import sys
import threading
import time
from pathlib import Path

import numpy as np

import turnout
from turnout.errors import ForkedAfterLoadError
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.grpc.transport import GrpcTransport
from turnout_triton.client.http.transport import HttpTransport

URL, THRESHOLD, ENDING, FORKS = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
CHILD_SECONDS = 1.0
MEMORY = {"shared_memory": "off"} if THRESHOLD < 0 else {"shared_memory_threshold_bytes": THRESHOLD}
BACKENDS = {"triton": {"url": URL, **MEMORY}}
PATIENCE_SECONDS = 10.0


def is_right(model: turnout.ModelInference, number: float) -> bool:
    x = np.full((2, 500), number, np.float32)
    return np.array_equal(model.infer({"x": x}, timeout_seconds=CHILD_SECONDS * 5)["y"], x)


class Callers:
    """Threads that send requests all the time."""

    def __init__(self, model: turnout.ModelInference) -> None:
        self.model = model
        self.errors: list[BaseException] = []
        self.sent = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(1000 * number,)) for number in range(4)]

    def _work(self, number: int) -> None:
        while not self.stop.is_set():
            try:
                if not is_right(self.model, number):
                    self.errors.append(ValueError(f"the response to another request instead of {number}"))
            except Exception as error:  # noqa: BLE001  # reported at the end
                self.errors.append(error)
            number += 1
            self.sent += 1


def regions(pid: int) -> set[str]:
    return {file.name for file in Path("/dev/shm").glob(f"turnout-{pid}-*")}


def child(app: turnout.Turnout, pipe: int) -> None:
    """Use the parent's app, close it, and report the outcome."""
    parents, start = regions(PARENT), time.monotonic()
    said = said_by(app)
    took = time.monotonic() - start
    if said == "right" and THRESHOLD >= 0 and not regions(os.getpid()):
        said = "used the parent's regions"
    app.close()
    if regions(os.getpid()):
        said = "left regions"
    if not parents <= regions(PARENT):  # the parent's only come while it runs
        said = "destroyed the parent's regions"
    os.write(pipe, f"{took:.3f} {said}\n".encode())


def said_by(app: turnout.Turnout) -> str:
    try:
        return "right" if all(is_right(app.model("identity"), -number) for number in range(3)) else "wrong"
    except ForkedAfterLoadError as error:
        return "refused" if "after the fork" in str(error) and "\n" not in str(error) else f"unclear: {error}"


def fork_child(app: turnout.Turnout, pipe: int) -> int:
    """Return the pid of a child that ends as ``ENDING`` says."""
    if ENDING == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=child, args=(app, pipe))
        process.start()
        PROCESSES.append(process)
        return process.pid
    pid = os.fork()
    if pid:
        return pid
    child(app, pipe)
    if ENDING == "exit":
        os._exit(0)
    sys.exit(0)


def wait_for_child(pid: int) -> int | None:
    """Return the exit code of a child; None for one that hangs, which is killed."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None


PARENT = os.getpid()
PROCESSES: list[multiprocessing.Process] = []


def fork_once(app: turnout.Turnout) -> tuple[int | None, float, str]:
    """Return the exit code of a child, the seconds that its requests took, and its outcome."""
    reader, writer = os.pipe()
    code = wait_for_child(fork_child(app, writer))
    os.close(writer)
    ready = select.select([reader], [], [], 1)[0]
    took, _, said = (os.read(reader, 1000).decode().strip() if ready else "").partition(" ")
    os.close(reader)
    return code, float(took or PATIENCE_SECONDS), said


def goes_on(callers: Callers) -> bool:
    limit, goal = time.monotonic() + PATIENCE_SECONDS, callers.sent + 8
    while callers.sent < goal and time.monotonic() < limit:
        time.sleep(0.001)
    return callers.sent >= goal


def unknown_regions() -> set[str]:
    """Return the parent's regions that the server has unregistered."""
    endpoint = parse_endpoint(URL, "identity")
    transport = (GrpcTransport if endpoint.speaks_grpc else HttpTransport)(endpoint, ConnectionSettings())
    with contextlib.closing(transport):
        return regions(PARENT) - set(transport.registered_regions(5))


def main() -> int:
    expected = "right" if URL.startswith("http") else "refused"
    with turnout.open({"models": {"identity": {"backend": "triton", "backends": BACKENDS}}}) as app:
        callers = Callers(app.model("identity"))
        assert is_right(app.model("identity"), 1)
        for thread in callers.threads:
            thread.start()
        wrong: list[object] = []
        for number in range(FORKS):
            code, took, said = fork_once(app)
            if (code, said) != (0, expected) or took > CHILD_SECONDS:
                wrong.append((number, code, took, said))
            if not goes_on(callers):
                wrong.append((number, "the parent is stuck"))
        callers.stop.set()
        for thread in callers.threads:
            thread.join(PATIENCE_SECONDS)
        wrong += [*callers.errors, *(thread for thread in callers.threads if thread.is_alive()), *unknown_regions()]
        if not is_right(app.model("identity"), 2):
            wrong.append("the parent's last answer")
    wrong += regions(PARENT)
    lines = [f"the parent sent {callers.sent} requests", *map(repr, wrong), f"{FORKS} children, {len(wrong)} wrong", ""]
    sys.stdout.write("\n".join(lines))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
