"""A server of uvicorn that finishes what runs before it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from uvicorn import Config, Server

from turnout_web.cancelling import end_request
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings

logger = logging.getLogger(__name__)

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TICK_SECONDS = 0.02
_ANSWER_SECONDS = 0.5
# After the requests, the models close; what hangs in a C library then is left behind.
_CLOSE_SECONDS = 1.5


class DrainingServer(Server):
    """Ends at the first signal, when its requests have ended or ``drain_seconds`` are over; at once at the second.

    Requests that do not finish in time are answered with 503.
    """

    def __init__(self, config: Config, settings: ServeSettings) -> None:
        super().__init__(config)
        self._settings = settings
        self._ending = threading.Lock()
        self.on_started: Callable[[], None] = lambda: None

    def end(self) -> None:
        """Begin to end; thread-safe, and again it does nothing."""
        if self._ending.acquire(blocking=False):
            self.should_exit = True
            limit = self._settings.drain_seconds + _CLOSE_SECONDS
            threading.Thread(target=_end_process, args=(limit,), name="turnout-serve-end", daemon=True).start()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.end()
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._wait_idle(self._settings.drain_seconds)
        for connection in list(self.server_state.connections):
            if (cycle := getattr(connection, "cycle", None)) is not None and not cycle.response_complete:
                cycle.keep_alive = False
                end_request(cycle.scope, _unfinished(self._settings.drain_seconds))
        await self._wait_idle(_ANSWER_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # They stay until the process ends: a signal while the models close ends it at once.
        for number in ENDING_SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)
        yield

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.should_exit:
            os._exit(128 + number)
        self.end()

    async def _wait_idle(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        state = self.server_state
        while (state.connections or state.tasks) and time.monotonic() < limit:
            await asyncio.sleep(_TICK_SECONDS)


def _unfinished(seconds: float) -> Problem:
    reason = f"the server ends, and this request did not finish within {seconds:g} s; send it again"
    return Problem(503, reason, headers={"Retry-After": "1", "Connection": "close"}, retry_after_seconds=1.0)


def _end_process(seconds: float) -> None:
    """End the process though a model still works, for example in a C library, where nothing can stop it."""
    time.sleep(seconds)
    logger.warning("the server ends, and left work behind that did not stop within %g s", seconds)
    os._exit(1)
