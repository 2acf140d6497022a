"""The settings of a server: its address, its token, and the limits of one request."""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1 << 20
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The settings of a server.

    Attributes:
        host: the address or name that it listens on.
        port: the port; 0 takes a free one.
        token: the bearer token that every request but a probe must carry; None asks for none. Never in a text.
        workers: the processes that answer.
        allow_origins: the web pages of other origins that may ask, such as ``https://example.org``; ``*`` is all.
        allow_hosts: further names under which a server without a token on loopback may be asked.
        max_body_bytes: the greatest body of a request, also after it is decompressed.
        max_json_depth: the greatest nesting of JSON.
        max_json_values: the greatest number of values in JSON.
        max_pixels: the greatest picture, in pixels; it is checked before the picture is decoded.
        max_concurrent_requests: the requests that one process answers at once; more get 503.
        timeout_seconds: the time of a run of a pipeline that names none.
        header_timeout_seconds: the time in which a client sends the head of a request.
        body_timeout_seconds: the time that a client may pause in the body of a request.
        keep_alive_seconds: the time that a connection without a request stays open.
        drain_seconds: the time that running requests have to finish when the server ends.
    """

    host: str = LOOPBACK
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    workers: int = 1
    allow_origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 64 * MIB
    max_json_depth: int = 64
    max_json_values: int = 5_000_000
    max_pixels: int = 25_000_000
    max_concurrent_requests: int = 256
    timeout_seconds: float = 60.0
    header_timeout_seconds: float = 10.0
    body_timeout_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    drain_seconds: float = 8.0
