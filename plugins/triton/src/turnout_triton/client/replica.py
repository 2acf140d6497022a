"""One of several servers: whether it gets requests now."""

from __future__ import annotations

import threading
import time

from turnout.errors import BackendUnavailableError, DeadlineExceededError
from turnout.forking import Forks
from turnout_triton.client.failures import RefusedError
from turnout_triton.client.replica_log import ReplicaLog
from turnout_triton.client.replica_pace import ReplicaPace
from turnout_triton.client.server_state import ServerState
from turnout_triton.client.transport import Transport

# With gRPC's own back-off of 0.5 s at most, a server that is back gets requests within 1 s.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.4
# Each rest of a server that hangs ends with a live request, which may be lost.
_LONGEST_REST_SECONDS = 10.0
_READY_SECONDS = 1.0
# The order of servers that get requests only if no live one takes them.
_SILENT_WAIT, _TRIAL_WAIT, _WATCHED_WAIT = 1e3, 1e6, float("inf")


class Replica:
    """A server with its back-off.

    After a failure it gets no requests for a while. One that refused a request, because it stops or has not loaded the model,
    gets none until a thread of this class has seen it ready: a request that meets the end of a stopping server may be lost. One
    that hangs rests too, each time longer; then a thread waits until it is ready, and one request tries it.

    No lock for the back-off: threads may write both values at once, and whichever value is last describes a real request.
    ``_watch`` is started and joined under ``_lock``, and a trial is claimed under it.
    """

    def __init__(self, transport: Transport, server: str, state: ServerState) -> None:
        self.transport = transport
        self._state = state
        self._log = ReplicaLog(server)
        self._down_until = 0.0
        self._pause = self._rest = _FIRST_PAUSE_SECONDS
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the watching thread and the calls in flight, which a forked child does not have."""
        self._lock = threading.Lock()
        self._watch = None
        self._watched = self._needs_trial = self._in_trial = False
        self.pace = ReplicaPace()

    def wait_seconds(self, now: float) -> float:
        """Return how long the server gets no requests yet, for a sort; 0 if it is live."""
        if self._watched:
            return _WATCHED_WAIT
        if self._needs_trial:
            return _TRIAL_WAIT
        if now < self._down_until:
            return self._down_until - now
        return _SILENT_WAIT if self.pace.is_silent(now) else 0.0

    def claim_trial(self) -> bool:
        """Return whether the caller's request is the one that tries the server after a rest."""
        if not self._needs_trial:
            return False
        with self._lock:
            claimed = self._needs_trial and not self._in_trial and not self._watched
            self._in_trial = self._in_trial or claimed
        return claimed

    def end_trial(self) -> None:
        """Give the trial to the next request, after one that proved nothing."""
        self._in_trial = False

    def record_failure(self, error: BackendUnavailableError, model: str, version: str) -> None:
        """Back off from this server: twice as long after each failure, or until it is ready for ``model`` if it refused."""
        self._log.record_failure(error)
        self._state.record_outage(model, version)
        self.end_trial()
        if isinstance(error, RefusedError):
            self._start_watch(model, version, _FIRST_PAUSE_SECONDS)
            return
        self._down_until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def record_late(self, error: DeadlineExceededError, start: float, model: str, version: str) -> None:
        """Rest, if a call since ``start`` that ended at its deadline shows that the server hangs."""
        self.end_trial()
        if self.pace.hangs(start) and self._start_watch(model, version, self._rest):
            self._rest = min(2 * self._rest, _LONGEST_REST_SECONDS)
            self._needs_trial = True
            self._log.record_failure(error)
            self._state.record_outage(model, version)

    def record_success(self) -> None:
        """End the back-off."""
        if self._state.is_down:
            self._state.record_answer()
        if self._down_until or self._needs_trial:  # a read is cheaper than the writes that every good call would make
            self._down_until, self._pause, self._rest = 0.0, _FIRST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS
            self._needs_trial = self._in_trial = False
            self._log.record_success()

    def close(self) -> None:
        """End the watch and close the connections."""
        self._closed.set()
        with self._lock:
            watch = self._watch
        self.transport.close()  # before the join: it ends a call in flight
        if watch is not None and watch is not threading.current_thread():
            watch.join()

    def _start_watch(self, model: str, version: str, pause_seconds: float) -> bool:
        """Return whether this call started the watch: False if there is one."""
        with self._lock:
            if self._watched or self._closed.is_set():
                return False
            self._watched = True
            self._watch = threading.Thread(
                target=self._wait_until_ready, args=(model, version, pause_seconds), name="turnout-triton-ready", daemon=True
            )
            self._watch.start()
        return True

    def _wait_until_ready(self, model: str, version: str, pause_seconds: float) -> None:
        pause = _FIRST_PAUSE_SECONDS
        if self._closed.wait(max(0.0, pause_seconds - pause)):
            return
        while not self._closed.wait(pause):
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            if self.transport.ready(model, version, _READY_SECONDS):
                self._watched = False
                if not self._needs_trial:
                    self._log.record_success()
                return
