"""HTTP of uvicorn, with limits on a slow client, and with the end of a request whose client has left."""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from turnout.errors import json_text
from turnout_web.cancelling import client_gone, end_request
from turnout_web.problems import MEDIA_TYPE, Problem
from turnout_web.settings import ServeSettings

# A head that is larger is no request of a client of ours.
MAX_HEAD_BYTES = 64 * 1024
_SLOWEST_BYTES_PER_SECOND = 256
# A client may have sent a request on a connection that the server is about to close.
_LINGER_SECONDS = 0.3
_IDLE, _HEAD, _BODY = range(3)


class PatientProtocol(HttpToolsProtocol):
    """One connection. It belongs to one event loop; the class has its ``settings``."""

    settings: ServeSettings

    def __init__(self, *arguments: Any, **known: Any) -> None:
        super().__init__(*arguments, **known)
        self._phase = _IDLE
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ending = False
        self._wrong = "this is no HTTP request that the server can read; send HTTP/1.1"

    @property
    def is_idle(self) -> bool:
        """True between two requests, of a connection that stays open."""
        return self._phase == _IDLE and not self._ending and self.cycle is not None and self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._wait(self.settings.header_timeout_seconds, self._refuse_head)

    def data_received(self, data: bytes) -> None:
        before = self._phase
        if before != _BODY:
            self._received += len(data)
        super().data_received(data)
        if self._phase == _IDLE:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._phase == _HEAD:
            if self._received > MAX_HEAD_BYTES:
                self._refuse(
                    Problem(431, f"the head of the request is larger than {MAX_HEAD_BYTES} bytes; send less in its headers")
                )
            elif self._timer is None:
                self._wait(self.settings.header_timeout_seconds, self._refuse_head)
        elif before != _BODY:
            self._wait_for_body()

    def connection_lost(self, exc: Exception | None) -> None:
        cycle = self.cycle
        super().connection_lost(exc)
        self._stop_waiting()
        for one in [cycle, *(waiting for waiting, _ in self.pipeline)]:
            if one is not None and not one.response_complete:
                end_request(cast("dict[str, Any]", one.scope), client_gone())

    def on_message_begin(self) -> None:
        self._phase, self._received = _HEAD, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            self._wrong = "a request of HTTP/1.1 has one header Host; send the name of this server in it"
            raise ValueError(self._wrong)  # to the parser, which then calls send_400_response
        self._phase, self._received = _BODY, 0
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _IDLE
        super().on_message_complete()

    def shutdown(self) -> None:
        self._ending = True
        if self._phase == _HEAD:
            return  # its head has a timer
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LINGER_SECONDS, self._close_idle)
        else:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, self._wrong))

    def _close_idle(self) -> None:
        if self._phase != _HEAD and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _wait(self, seconds: float, expire: Any) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, expire)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse_head(self) -> None:
        self._timer = None
        if self._phase == _HEAD:
            seconds = self.settings.header_timeout_seconds
            self._refuse(Problem(408, f"the head of the request did not arrive within {seconds:g} s; send it at once"))
        else:
            self.transport.close()

    def _wait_for_body(self) -> None:
        self._wait(self.settings.body_timeout_seconds, self._check_body)

    def _check_body(self) -> None:
        self._timer = None
        if self._phase != _BODY:
            return
        if self.cycle.response_complete:
            # Refused before its end, such as one that is too large: nothing reads the rest.
            self.transport.close()
            return
        seconds = self.settings.body_timeout_seconds
        # A body that the app does not read yet is not the client's fault.
        if self.flow.read_paused or self._received >= seconds * _SLOWEST_BYTES_PER_SECOND:
            self._received = 0
            self._wait_for_body()
            return
        self.cycle.keep_alive = False
        reason = f"{self._received} bytes of the body arrived within {seconds:g} s; send it faster, or raise --body-timeout"
        end_request(cast("dict[str, Any]", self.cycle.scope), Problem(408, reason))

    def _refuse(self, problem: Problem) -> None:
        """Answer for a request that no app sees, and close."""
        if self.transport.is_closing():
            return
        self._stop_waiting()
        body = f"{json_text(problem.as_json(os.urandom(8).hex()))}\n".encode()
        head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[problem.status] + head.encode() + body)
        self.transport.close()
