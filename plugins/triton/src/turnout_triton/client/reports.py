"""The reports of one model and its transports, for an observer that comes after they are made."""

from __future__ import annotations

import time

from turnout import ModelObserver
from turnout_triton.client.messages import KServeRequest
from turnout_triton.client.server_state import ServerState
from turnout_triton.client.transport import Transport

_PAUSE_SECONDS = 1.0


class Reports:
    """Passes on which version answers and whether each server does, when that changes.

    No lock: of two threads that see a change at once, both report it, and the observer ignores the second.

    Attributes:
        observer: receives the reports; until ``start`` it ignores everything.
        version: the version that answered last, as far as it was reported.
        is_down: True if the model has one server, and that does not answer; several have states of their own.
    """

    __slots__ = ("_next_report", "_only", "_servers", "is_down", "observer", "version")

    def __init__(self) -> None:
        self.observer = ModelObserver()
        self.version = ""
        self.is_down = False
        self._servers: list[ServerState] = []
        self._only: ServerState | None = None
        self._next_report = 0.0

    def start(self, observer: ModelObserver) -> None:
        """Report to ``observer`` from now on, first what is known."""
        self.observer = observer
        observer.version(self.version)
        for server in self._servers:
            observer.replica(server.place, not server.is_down)

    def add_server(self, transport: Transport) -> ServerState:
        """Return the state of the next server of the list of URLs."""
        server = ServerState(len(self._servers), transport, self._report_server)
        self._servers.append(server)
        self._only = server if len(self._servers) == 1 else None
        return server

    def record_error(self, error: Exception, request: KServeRequest) -> None:
        """Report the only server as down if ``error`` says so; those of several report it themselves."""
        if self._only is not None:
            self._only.record_error(error, request.model, request.version)

    def record_answer(self, version: str) -> None:
        """Report the only server as up, and ``version`` as the one that answers, unless its response names none.

        A version is reported once a second at most: servers in the middle of a roll answer in turn.
        """
        if self._only is not None and self.is_down:
            self._only.record_answer()
        now = time.monotonic()
        if version and version != self.version and now >= self._next_report:
            self._next_report = now + _PAUSE_SECONDS
            self.version = version
            self.observer.version(version)

    def end(self) -> None:
        """End the watches of servers that are down; call it after the transports are closed."""
        for server in self._servers:
            server.end()

    def _report_server(self, place: int, up: bool) -> None:  # noqa: FBT001  # the observer's signature
        if self._only is not None:
            self.is_down = not up
        self.observer.replica(place, up)
