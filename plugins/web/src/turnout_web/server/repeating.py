"""Connections that answer a request with a known head without parsing it."""

from __future__ import annotations

from typing import Any

from turnout_web.repeated import Repeat, offered_repeat
from turnout_web.request_ids import HEADER, new_request_id
from turnout_web.server.protocol import PatientProtocol
from turnout_web.settings import ServeSettings

_MOST_KNOWN, _MOST_HEAD_BYTES = 512, 4096
_SMALL_BYTES = 1 << 17
_END = b"\r\n\r\n"


class HeaderLines:
    """The lines of the headers that every response has; joined once for each list of them, which is new each second."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def join(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the lines of ``headers``."""
        if headers is not self._headers:
            self._headers, self._lines = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._lines


class RepeatingProtocol(PatientProtocol):
    """One connection. ``known`` is shared by all of an event loop, and has the heads of requests that were answered.

    Parsing HTTP, and the layers of ASGI, take four fifths of the CPU of a small request.
    """

    known: dict[bytes, Repeat]
    lines: HeaderLines

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head = self._alone = b""
        self._answered_at = 0.0

    def data_received(self, data: bytes) -> None:
        # Between two requests a connection is idle, and its parser is at the begin of a message.
        if not self.is_idle:
            super().data_received(data)
            return
        if self._alone:
            data, self._alone = self._alone + data, b""
        end = data.find(_END, 0, _MOST_HEAD_BYTES) + len(_END)
        head = data[:end] if end >= len(_END) else b""
        repeat = self.known.get(head)
        if repeat is not None:
            if end == len(data) and repeat.body_bytes:
                # Many clients send the body in a packet of its own.
                self._alone = head
                self._answered_at = self.loop.time()
                return
            if len(data) - end == repeat.body_bytes and self._answer(repeat, data[end:]):
                return
        self._head = head
        super().data_received(data)

    def shutdown(self) -> None:
        # Its request is answered before the end.
        head, self._alone = self._alone, b""
        if head:
            super().data_received(head)
        super().shutdown()

    def on_response_complete(self) -> None:
        head, self._head = self._head, b""
        repeat = offered_repeat(self.cycle.scope)  # type: ignore[arg-type]  # a TypedDict is a dict
        if repeat is not None and head:
            # A client whose heads differ must not keep those of all others out.
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            self.known[head] = repeat
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        # The timer runs since the last request that took the usual way.
        idle = self.loop.time() - self._answered_at
        if idle >= self.timeout_keep_alive:
            super().timeout_keep_alive_handler()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive - idle, self.timeout_keep_alive_handler)

    def _answer(self, repeat: Repeat, body: bytes) -> bool:
        """Answer a request, and return whether it was."""
        if self.flow.write_paused or self.transport.is_closing():
            return False
        id = new_request_id()
        answered = repeat.answer(body, id)
        if answered is None:
            return False
        head, parts = answered
        lines = self.lines.join(self.server_state.default_headers)
        start = b"%b%b%b: %b\r\n\r\n" % (head, lines, HEADER, id.encode())
        if sum(map(len, parts)) < _SMALL_BYTES:
            self.transport.write(b"".join((start, *parts)))
        else:
            for part in (start, *parts):
                self.transport.write(part)
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        return True


def protocol_for(settings: ServeSettings) -> type[RepeatingProtocol]:
    """Return the class of connections that obey ``settings``: uvicorn creates them, and knows no settings of ours."""
    return type("Protocol", (RepeatingProtocol,), {"settings": settings, "known": {}, "lines": HeaderLines()})
