"""A worker: the process that ``Workers`` starts."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from turnout.errors import TurnoutError
from turnout_web.server.announcement import Served
from turnout_web.server.draining import DrainingServer
from turnout_web.server.process import Service, run_process

READY, FAILED = "ready", "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """A message of a worker: it is ready, or cannot start."""

    kind: str
    error: str = ""
    message: str = ""
    next_step: str | None = None
    served: Served = field(default_factory=Served)


def run_worker(service: Service, sockets: list[socket.socket], pipe: Connection) -> None:
    """Answer until the parent says so or ends, or until SIGTERM."""
    # A terminal sends them to the whole group of processes; the parent ends its workers.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    started: list[DrainingServer] = []
    threading.Thread(target=_obey, args=(pipe, started), name="turnout-worker-end", daemon=True).start()

    def announce(server: DrainingServer, served: Served) -> None:
        started.append(server)
        with suppress(OSError):
            pipe.send(Report(READY, served=served))

    try:
        run_process(service, sockets, announce)
    except TurnoutError as error:
        with suppress(OSError):
            pipe.send(Report(FAILED, type(error).__name__, error.message, error.next_step))
        raise SystemExit(1) from None


def _obey(pipe: Connection, started: list[DrainingServer]) -> None:
    """End the server when the parent says so; a parent that was killed closes the pipe."""
    with suppress(EOFError, OSError):
        pipe.recv()
    if started:
        started[0].end()
    else:
        os._exit(1)
