"""Servers that are killed, paused and restarted under load, and apps that end meanwhile: nothing of them may stay."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.hostile.areas.timeouts import X, ask, drained, grown, opened
from tests.hostile.case import Trial
from tests.hostile.soak.figures import Figures
from tests.hostile.soak.stage import late_server

from turnout import Model
from turnout.errors import TurnoutError
from turnout_triton.server import LocalServer

CALLERS = 8
End = Callable[[LocalServer], None]

# An app that is killed while its requests are late: it prints the names of its regions.
KILLED = """
import os, sys, threading, time
import numpy as np
import turnout
options = {"url": sys.argv[1]}
app = turnout.open({"models": {"late": {"backend": "triton", "backends": {"triton": options}}}})
inputs = {"x": np.zeros(100_000, np.float32), "seconds": np.array([0], np.float32)}
for _ in range(3):
    app.model("late").infer(inputs)
late = {**inputs, "seconds": np.array([0.3], np.float32)}
try:
    app.model("late").infer(late, timeout_seconds=0.05)
except turnout.errors.TurnoutError:
    print(*(name for name in os.listdir("/dev/shm") if name.startswith(f"turnout-{os.getpid()}-")), flush=True)
    time.sleep(60)
"""


def kill(server: LocalServer) -> None:
    """Kill the server, and start it again."""
    server.kill()
    server.restart()


def kill_and_wait(server: LocalServer) -> None:
    """Kill the server, and start it again after a while in which it refuses connections."""
    server.kill()
    time.sleep(3)
    server.restart()


def pause(server: LocalServer) -> None:
    """Pause the server for longer than the deadlines."""
    server.pause()
    time.sleep(1)
    server.resume()


@dataclass(frozen=True, slots=True)
class Ends:
    """``count`` times ``end`` happens to the server while callers use it over ``transport``."""

    name: str
    end: End
    count: int
    transport: str

    def problems(self, folder: Path) -> list[str]:
        start = time.monotonic()
        with late_server(folder) as server, opened(server, self.transport) as model:
            drained(model, start)
            # The first end costs memory once: other paths of the client, and what the threads' allocators keep.
            _under_load(model, lambda: self._end(server))
            before = _quiet(model, start)
            wrong = self._ends(model, server, self.count // 2)
            middle = _quiet(model, start)
            wrong += self._ends(model, server, self.count - self.count // 2)
            found = grown(before, middle, _quiet(model, start))
        return found + ([f"{wrong} wrong answers"] if wrong else [])

    def _ends(self, model: Model, server: LocalServer, count: int) -> int:
        return sum(_under_load(model, lambda: self._end(server)) for _ in range(count))

    def _end(self, server: LocalServer) -> None:
        time.sleep(0.3)
        self.end(server)
        time.sleep(0.3)


@dataclass(frozen=True, slots=True)
class KilledApp:
    """An app is killed while requests of it are late: its regions are removed by the next one, here and on the server."""

    name: str
    protocol: str

    def problems(self, folder: Path) -> list[str]:
        with late_server(folder) as server:
            url = f"{self.protocol}://{server.grpc_url if self.protocol == 'grpc' else server.http_url}"
            killed = subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True)
            assert killed.stdout is not None
            names = killed.stdout.readline().split()
            killed.kill()
            killed.communicate()
            time.sleep(0.5)
            with opened(server, f"{self.protocol}_auto") as model:
                drained(model, 0)
                left = [name for name in names if Path("/dev/shm", name).exists()]
        return [f"the region {name} is left" for name in left] if names else ["the app had no regions"]


def _under_load(model: Model, act: Callable[[], None]) -> int:
    """Return the number of wrong answers that callers get while ``act`` happens."""
    stop, wrong = threading.Event(), []

    def call(number: int) -> None:
        x = np.full(X.size, number, np.float32)
        while not stop.is_set():
            x += CALLERS
            inputs = {"x": x, "seconds": np.array([0.001], np.float32)}
            try:
                if not np.array_equal(model.infer(inputs, timeout_seconds=0.5)["y"], x):
                    wrong.append(number)
            except TurnoutError:
                stop.wait(0.01)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        act()
    finally:
        stop.set()
        for caller in callers:
            caller.join(60)
    return len(wrong)


def _quiet(model: Model, start: float) -> Figures:
    """Return the figures one second after the last request; every caller of a load has a region of each kind by then."""
    drained(model, start)
    stop = threading.Barrier(CALLERS)

    def call() -> None:
        for _ in range(5):
            stop.wait(60)
            ask(model, 0.005, 60)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    return drained(model, start)


def cases() -> Iterator[Trial]:
    """Yield the trials; the first of each kind is in the fast tenth."""
    yield Ends("server_ends/flat/01-kill-http", kill, 1, "http_auto")
    for name, end in (("kill", kill), ("kill-and-wait", kill_and_wait), ("pause", pause)):
        for transport in ("grpc_auto", "grpc_off", "http_auto", "http_off"):
            yield Ends(f"server_ends/flat/10-{name}-{transport}", end, 10, transport)
    for protocol in ("grpc", "http"):
        yield KilledApp(f"server_ends/killed_app/{protocol}", protocol)
