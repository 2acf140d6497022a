"""One of several servers: whether it gets requests now."""

from __future__ import annotations

import threading
import time

from turnout.errors import BackendUnavailableError
from turnout.forking import Forks
from turnout_triton.client.failures import RefusedError
from turnout_triton.client.replica_log import ReplicaLog
from turnout_triton.client.transport import Transport

# With gRPC's own back-off of 0.5 s at most, a server that is back gets requests within 1 s.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.4
_READY_SECONDS = 1.0


class Replica:
    """A server with its back-off.

    After a failure it gets no requests for a while. One that refused a request, because it stops or has not loaded the model,
    gets none until a thread of this class has seen it ready: a request that meets the end of a stopping server may be lost.

    No lock for the back-off: threads may write both values at once, and whichever value is last describes a real request.
    ``_watch`` is started and joined under ``_lock``.
    """

    def __init__(self, transport: Transport, server: str = "") -> None:
        self.transport = transport
        self._log = ReplicaLog(server)
        self._down_until = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the watching thread, which a forked child does not have."""
        self._lock = threading.Lock()
        self._watch = None
        self._refused = False

    def wait_seconds(self, now: float) -> float:
        """Return how long the server gets no requests yet; 0 if it is live."""
        return float("inf") if self._refused else max(self._down_until - now, 0.0)

    def record_failure(self, error: BackendUnavailableError, model: str, version: str) -> None:
        """Back off from this server: twice as long after each failure, or until it is ready for ``model`` if it refused."""
        self._log.record_failure(error)
        if isinstance(error, RefusedError):
            self._start_watch(model, version)
            return
        self._down_until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def record_success(self) -> None:
        """End the back-off."""
        if self._down_until:  # a read is cheaper than two writes that every good call would make
            self._down_until, self._pause = 0.0, _FIRST_PAUSE_SECONDS
            self._log.record_success()

    def close(self) -> None:
        """End the watch and close the connections."""
        self._closed.set()
        with self._lock:
            watch = self._watch
        self.transport.close()  # before the join: it ends a call in flight
        if watch is not None and watch is not threading.current_thread():
            watch.join()

    def _start_watch(self, model: str, version: str) -> None:
        with self._lock:
            if self._refused or self._closed.is_set():
                return
            self._refused = True
            self._watch = threading.Thread(
                target=self._wait_until_ready, args=(model, version), name="turnout-triton-ready", daemon=True
            )
            self._watch.start()

    def _wait_until_ready(self, model: str, version: str) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._closed.wait(pause):
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            if self.transport.ready(model, version, _READY_SECONDS):
                self._refused = False
                self._log.record_success()
                return
