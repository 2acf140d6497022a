"""gRPC connections: one in a process for each server, whoever asks it."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, ClassVar

from turnout.errors import ForkedAfterLoadError
from turnout.forking import Forks
from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.grpc.line import Line
from turnout_triton.client.grpc.loading import load_grpc

# Unlimited messages, as tritonclient has them. gRPC's own back-off waits 7 s and more after an outage; keepalive stays off,
# because pings faster than a server allows end the connection.
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
)

_Key = tuple[Endpoint, Connection]


class _Shared:
    """The lines of this process with the number of their users, under ``lock``."""

    lock = threading.Lock()
    lines: ClassVar[dict[_Key, tuple[Line, int]]] = {}
    opened = False
    inherited: Any = None

    @classmethod
    def renew(cls) -> None:
        """Start anew in a child, or keep the parent's lines for ever: destroying one waits for threads it does not have."""
        cls.lock = threading.Lock()
        if cls.opened:
            cls.inherited, cls.lines = (cls.inherited, cls.lines), {}


Forks.renew(_Shared)


class SharedLine:
    """The line to ``endpoint``, opened if nobody has yet. Thread-safe.

    Raises:
        ForkedAfterLoadError: this process was forked from one that had channels: of 100 children forked while calls were in
            flight and opening channels of their own, 4 died of SIGSEGV (grpcio 1.85.3).
    """

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        self._key = (endpoint, connection)
        self._closed = False
        with _Shared.lock:
            if _Shared.inherited is not None:
                raise forked_error(str(endpoint))
            line, users = _Shared.lines.get(self._key) or (Line(partial(_open, endpoint, connection), str(endpoint)), 0)
            _Shared.lines[self._key] = (line, users + 1)
            _Shared.opened = True
        self.line = line

    def close(self) -> None:
        """Give the line back; its last user closes it."""
        with _Shared.lock:
            if self._closed or self._key not in _Shared.lines:
                return
            self._closed = True
            line, users = _Shared.lines.pop(self._key)
            if users > 1:
                _Shared.lines[self._key] = (line, users - 1)
                return
        line.close()


def forked_error(url: str) -> ForkedAfterLoadError:
    """Return the error for a child that would use its parent's gRPC."""
    return ForkedAfterLoadError(
        f"the gRPC connection to {url!r} was opened before this process was forked and may crash here; "
        "call turnout.open after the fork, in each worker, or use an 'http://' URL"
    )


def _open(endpoint: Endpoint, connection: Connection) -> Any:
    grpc = load_grpc()
    if not endpoint.secure:
        return grpc.insecure_channel(endpoint.target, options=_OPTIONS)
    name = (("grpc.ssl_target_name_override", connection.server_name),) if connection.server_name else ()
    return grpc.secure_channel(endpoint.target, connection.grpc_credentials(), options=(*_OPTIONS, *name))
