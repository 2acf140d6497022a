"""A gRPC channel to one server that is replaced when the server stops responding."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

SERVICE = "/inference.GRPCInferenceService"
_CALLS_WITHOUT_RESPONSE = 3
_PAUSE_SECONDS = 2.0


class ReconnectingChannel:
    """A channel of ``open_channel``, replaced by another after three calls in a row that only ended at their deadlines.

    A new one is opened at most every two seconds. Calls in flight end on the old one.

    Thread-safe: a replacement happens under ``_lock``, and a caller reads one attribute. Timeouts are counted under it too;
    ``record_response``, which every good call ends with, resets the count without it.

    Attributes:
        channel: the current gRPC channel.
        infer: its ModelInfer, bytes to bytes.
        stream: its ModelStreamInfer, likewise.
    """

    # gRPC keeps a connection whose other end vanished silently for a quarter of an hour. Keepalive pings would find out, but a
    # server that gets them more often than every five minutes closes the connection.
    def __init__(self, open_channel: Callable[[], Any], url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_channel = open_channel
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._timeouts = 0
        self._is_silent = False
        self._not_before = 0.0
        self._connect()

    def call(self, name: str) -> Any:
        """Return one of the service's other calls, bytes to bytes."""
        return self.channel.unary_unary(f"{SERVICE}/{name}")

    def record_response(self) -> None:
        """Record that the server responded."""
        # No lock on every good call: a timeout that is lost to this write is one that a response has contradicted.
        if self._timeouts or self._is_silent:
            self._timeouts, self._is_silent = 0, False

    def record_timeout(self) -> None:
        """Record a call that ended at its deadline without a response; the third in a row opens a new channel."""
        now = self._clock()
        with self._lock:
            self._timeouts += 1
            if self._timeouts < _CALLS_WITHOUT_RESPONSE or now < self._not_before:
                return
            self._timeouts, self._not_before = 0, now + _PAUSE_SECONDS
            logged, self._is_silent = self._is_silent, True
            self._connect()
        if logged:  # a server that hangs for a night is asked whether it is ready all the time
            return
        logger.warning(
            "triton at %r: no response to %d calls in a row, opened a new connection", self._url, _CALLS_WITHOUT_RESPONSE
        )

    def close(self) -> None:
        """Close the current channel; calls in flight on it end too."""
        self.channel.close()

    def _connect(self) -> None:
        # The old channel is dropped, not closed: closing would end calls whose responses may still come.
        self.channel = self._open_channel()
        self.infer = self.channel.unary_unary(f"{SERVICE}/ModelInfer")
        self.stream = self.channel.stream_stream(f"{SERVICE}/ModelStreamInfer")
