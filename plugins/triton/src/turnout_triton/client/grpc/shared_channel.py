"""gRPC channels, shared in a process by all models of one server."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, ClassVar, NamedTuple

from turnout.errors import ForkedAfterLoadError
from turnout.forking import Forks
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.grpc.loading import load_grpc
from turnout_triton.client.grpc.reconnecting_channel import ReconnectingChannel
from turnout_triton.client.grpc.unary_calls import UnaryCalls

_OPTIONS = (
    # Unlimited, as tritonclient has it.
    ("grpc.max_send_message_length", -1),
    # After an outage gRPC's default back-off waits 7 s and more. A connection attempt still gets 3 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.max_reconnect_backoff_ms", 500),
    # Without it a new channel to the same address would get the old, silent connection out of gRPC's global pool.
    ("grpc.use_local_subchannel_pool", 1),
)

_Key = tuple[Endpoint, ConnectionSettings]


class _Opened(NamedTuple):
    """A channel, the connections beside it for small requests, if it may have some, and the number of their users."""

    channel: ReconnectingChannel
    unary: UnaryCalls | None
    users: int


class _ProcessChannels:
    """The channels of this process, under ``lock``."""

    lock = threading.Lock()
    channels: ClassVar[dict[_Key, _Opened]] = {}
    opened = False
    inherited: Any = None

    @classmethod
    def renew(cls) -> None:
        """Start with no channels in a forked child, and keep the parent's forever."""
        cls.lock = threading.Lock()
        if cls.opened:
            # Referenced, never used: destroying a channel waits for threads that a child does not have.
            cls.inherited, cls.channels = (cls.inherited, cls.channels), {}


Forks.renew(_ProcessChannels)


class SharedChannel:
    """A user of the process's one channel to ``endpoint``, which the first user opens. Thread-safe.

    Attributes:
        channel: the channel.
        unary: connections beside it for small requests, or None.

    Raises:
        ForkedAfterLoadError: this process was forked from one that had channels.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings) -> None:
        self._key = (endpoint, connection)
        self._closed = False
        with _ProcessChannels.lock:
            # Of 100 children forked while calls were in flight, 4 died of SIGSEGV as they opened channels of their own
            # (grpcio 1.85.3).
            if _ProcessChannels.inherited is not None:
                raise forked_error(str(endpoint))
            opened = _ProcessChannels.channels.get(self._key) or _open_all(endpoint, connection)
            _ProcessChannels.channels[self._key] = opened._replace(users=opened.users + 1)
            _ProcessChannels.opened = True
        self.channel, self.unary = opened.channel, opened.unary

    def close(self) -> None:
        """Release the channel; its last user closes it."""
        with _ProcessChannels.lock:
            # In a child the key is unknown: the parent's app, closed there, must not close what the parent still uses.
            if self._closed or self._key not in _ProcessChannels.channels:
                return
            self._closed = True
            opened = _ProcessChannels.channels.pop(self._key)
            if opened.users > 1:
                _ProcessChannels.channels[self._key] = opened._replace(users=opened.users - 1)
                return
        # Outside of the lock, so that other models can open and close theirs meanwhile.
        if opened.unary is not None:
            opened.unary.close()
        opened.channel.close()


def forked_error(url: str) -> ForkedAfterLoadError:
    """Return the error for a child that would use its parent's gRPC."""
    return ForkedAfterLoadError(
        f"the gRPC connection to {url!r} was opened before this process was forked and may crash here; "
        "call turnout.open after the fork, in each worker, or use an 'http://' URL"
    )


def _open_all(endpoint: Endpoint, connection: ConnectionSettings) -> _Opened:
    channel = ReconnectingChannel(partial(_open, endpoint, connection), str(endpoint))
    return _Opened(channel, UnaryCalls(endpoint, connection) if UnaryCalls.can_reach(endpoint, connection) else None, 0)


def _open(endpoint: Endpoint, connection: ConnectionSettings) -> Any:
    grpc = load_grpc()
    # gRPC itself asks a proxy of the environment for loopback too, unless no_proxy names it.
    # gRPC's default of 4 MB is less than one FP32 picture of 1024 x 1024.
    limited = (*_OPTIONS, ("grpc.max_receive_message_length", connection.max_response_bytes))
    options = (*limited, ("grpc.enable_http_proxy", 0)) if endpoint.is_loopback else limited
    if not endpoint.secure:
        return grpc.insecure_channel(endpoint.target, options=options)
    name = (("grpc.ssl_target_name_override", connection.server_name),) if connection.server_name else ()
    return grpc.secure_channel(endpoint.target, connection.grpc_credentials(), options=(*options, *name))
