"""The state of one server, as an operator sees it: whether it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable

from turnout.errors import BackendUnavailableError, OverloadedError
from turnout_triton.client.transport import Transport

_PAUSE_SECONDS = _READY_SECONDS = 1.0


class ServerState:
    """The state of one server: it answers, or it is down, as its last request or check showed. ``report`` gets each change.

    A server that failed is asked each second until it is ready, so that its return is seen without a request. ``Replica``
    decides which server gets a request, not this class. Thread-safe: ``is_down`` and ``_watch`` change under ``_lock``.

    Attributes:
        place: its place in the list of URLs, from 0 on.
        is_down: True if it does not answer.
    """

    __slots__ = ("_closed", "_lock", "_report", "_transport", "_watch", "is_down", "place")

    def __init__(self, place: int, transport: Transport, report: Callable[[int, bool], object]) -> None:
        self.place = place
        self.is_down = False
        self._transport = transport
        self._report = report
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def record_error(self, error: Exception, model: str, version: str) -> None:
        """Report the server as down if ``error``, of a request for ``model``, says so; a full queue does not."""
        if isinstance(error, BackendUnavailableError) and not isinstance(error, OverloadedError):
            self.record_outage(model, version)

    def record_outage(self, model: str, version: str) -> None:
        """Report the server as down, and watch for its return."""
        with self._lock:
            if self.is_down or self._closed.is_set():
                return
            self.is_down = True
            self._report(self.place, False)
            self._watch = threading.Thread(
                target=self._wait_until_ready, args=(model, version), name="turnout-triton-server", daemon=True
            )
            self._watch.start()

    def record_answer(self) -> None:
        """Report the server as up."""
        with self._lock:
            if self.is_down:
                self.is_down = False
                self._report(self.place, True)

    def end(self) -> None:
        """End the watch; call it after the transport is closed, which ends a check in progress."""
        self._closed.set()
        watch = self._watch
        if watch is not None and watch is not threading.current_thread():
            watch.join(_READY_SECONDS + _PAUSE_SECONDS)

    def _wait_until_ready(self, model: str, version: str) -> None:
        while self.is_down and not self._closed.wait(_PAUSE_SECONDS):
            if self._transport.ready(model, version, _READY_SECONDS):
                self.record_answer()
                return
