"""The connection to one server, with its calls; replaced when nothing is heard on it any more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

SERVICE = "/inference.GRPCInferenceService"
_UNHEARD_CALLS = 3
_PAUSE_SECONDS = 2.0


class Line:
    """A channel that ``open_channel`` makes, and another in its place where calls only end at their deadlines.

    gRPC keeps a connection whose other end is gone without a word, for a quarter of an hour: the pings that would tell are
    refused by servers when they come more often than every five minutes. So three calls in a row without any answer, of whoever
    shares this line, open a new connection, every two seconds at most. Calls under way end on the old one.

    Thread-safe: what a connection consists of changes under ``_lock``, and a caller reads one attribute. ``_unheard`` is
    counted under it too; ``heard``, which every good call ends with, sets it to 0 without.

    Attributes:
        channel: the present gRPC channel.
        infer: its ModelInfer, bytes to bytes.
        stream: its ModelStreamInfer, likewise.
    """

    def __init__(self, open_channel: Callable[[], Any], url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_channel = open_channel
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._unheard = 0
        self._not_before = 0.0
        self._connect()

    def call(self, name: str) -> Any:
        """Return one of the service's other calls, bytes to bytes."""
        return self.channel.unary_unary(f"{SERVICE}/{name}")

    def heard(self) -> None:
        """Take that the server said something."""
        if self._unheard:
            self._unheard = 0

    def unheard(self) -> None:
        """Take that a call ended at its deadline without a word."""
        now = self._clock()
        with self._lock:
            self._unheard += 1
            if self._unheard < _UNHEARD_CALLS or now < self._not_before:
                return
            self._unheard, self._not_before = 0, now + _PAUSE_SECONDS
            self._connect()
        logger.warning("nothing is heard from triton at %r any more; it is asked over a new connection", self._url)

    def close(self) -> None:
        """End the present connection; calls under way on it end too."""
        self.channel.close()

    def _connect(self) -> None:
        # The old channel is dropped, not closed: that would end calls whose answers may still come.
        self.channel = self._open_channel()
        self.infer = self.channel.unary_unary(f"{SERVICE}/ModelInfer")
        self.stream = self.channel.stream_stream(f"{SERVICE}/ModelStreamInfer")
