"""One HTTP/2 connection against a server of frames."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.plugins.triton.client.http2.peers import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Peer,
    field,
    frame,
    reply,
)

from turnout_triton.client.http2.connection import (
    Http2Connection,
    NotProcessedError,
    OversizedReplyError,
    StreamResetError,
)
from turnout_triton.client.http2.frames import Http2Error
from turnout_triton.client.timed_socket import TimedSocket

Serve = Callable[[Peer], None]
LIMIT = 1000


@contextlib.contextmanager
def connected(serve: Serve, settings: bytes = b"") -> Iterator[Http2Connection]:
    """Yield an open connection whose other end is served by ``serve`` in a thread."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)

    def work() -> None:
        with theirs, contextlib.suppress(OSError):
            serve(Peer(theirs, settings))

    thread = threading.Thread(target=work)
    thread.start()
    connection = Http2Connection(TimedSocket(ours))
    try:
        connection.open(time.monotonic() + 5)
        yield connection
    finally:
        connection.close()
        thread.join(5)


def ask(connection: Http2Connection, body: bytes = b"body", seconds: float = 5) -> bytes:
    return connection.request(b"\x83", body, LIMIT, time.monotonic() + seconds).body


def answering(*between: bytes) -> Serve:
    """Answer every request with its own body."""

    def serve(peer: Peer) -> None:
        for stream, body in peer.requests():
            peer.send(reply(stream, body, *between))

    return serve


def message(body: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(body)) + body


def test_requests_follow_each_other_on_streams_of_their_own() -> None:
    streams = []

    def serve(peer: Peer) -> None:
        for stream, body in peer.requests():
            streams.append(stream)
            peer.send(reply(stream, body))

    with connected(serve) as connection:
        assert [ask(connection, body) for body in (b"one", b"two", b"three")] == [
            message(b"one"),
            message(b"two"),
            message(b"three"),
        ]

    assert streams == [1, 3, 5]


def test_the_servers_pings_and_settings_are_acknowledged() -> None:
    peers = []

    def serve(peer: Peer) -> None:
        peers.append(peer)
        answering(frame(PING, 0, 0, b"12345678"), frame(PING, ACK, 0, b"abcdefgh"))(peer)

    with connected(serve) as connection:
        ask(connection)
        ask(connection)

    assert (SETTINGS, ACK, 0, b"") in peers[0].seen
    assert (PING, ACK, 0, b"12345678") in peers[0].seen
    assert (PING, ACK, 0, b"abcdefgh") not in peers[0].seen


def test_a_body_is_split_as_the_server_wants_and_sent_only_if_it_fits() -> None:
    sizes = []

    def serve(peer: Peer) -> None:
        for stream, body in peer.requests():
            sizes.extend(len(payload) for kind, _, _, payload in peer.seen if kind == DATA)
            peer.seen.clear()
            peer.send(reply(stream, b"x"), frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(body))))

    with connected(serve) as connection:
        assert connection.fits(65_535)
        assert not connection.fits(65_536)
        ask(connection, bytes(40_000))
        # The server gives its window back after the response.
        limit = time.monotonic() + 5
        while not connection.fits(40_000) and time.monotonic() < limit:
            connection.drain()
        ask(connection, bytes(40_000))

    assert sizes == [16_384, 16_384, 7_232] * 2


def test_a_window_of_the_servers_settings_is_kept() -> None:
    with connected(answering(), struct.pack(">HI", 4, 10)) as connection:
        assert connection.fits(10)
        assert not connection.fits(11)


@pytest.mark.parametrize(
    "frames",
    [
        lambda stream, head, body, end: frame(HEADERS, END_HEADERS | PADDED, stream, b"\3" + head + bytes(3)) + body + end,
        lambda stream, head, body, end: frame(HEADERS, END_HEADERS | HAS_PRIORITY, stream, bytes(5) + head) + body + end,
        lambda stream, head, body, end: (
            frame(HEADERS, 0, stream, head[:3])
            + frame(CONTINUATION, 0, stream, head[3:9])
            + frame(CONTINUATION, END_HEADERS, stream, head[9:])
            + body
            + end
        ),
        lambda stream, head, body, end: (
            frame(HEADERS, END_HEADERS, stream, head)
            + frame(DATA, PADDED, stream, b"\2" + message(b"body")[:4] + bytes(2))
            + frame(DATA, 0, stream)
            + frame(DATA, 0, stream, message(b"body")[4:])
            + end
        ),
        lambda stream, head, body, end: frame(99, 255, stream, b"?") + frame(HEADERS, END_HEADERS, stream, head) + body + end,
        lambda stream, head, body, end: (
            frame(HEADERS, END_HEADERS, stream, head) + frame(WINDOW_UPDATE, 0, stream, b"\0\0\0\1") + body + end
        ),
    ],
    ids=["padded headers", "priority", "continuation", "padded data in pieces", "unknown", "window"],
)
def test_every_form_of_a_response_is_read(frames) -> None:
    def serve(peer: Peer) -> None:
        for stream, body in peer.requests():
            head = b"\x88" + field("content-type", "application/grpc")
            end = frame(HEADERS, END_HEADERS | END_STREAM, stream, field("grpc-status", "0"))
            peer.send(frames(stream, head, frame(DATA, 0, stream, message(body)), end))

    with connected(serve) as connection:
        assert [ask(connection), ask(connection)] == [message(b"body")] * 2


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (frame(RST_STREAM, 0, 1, struct.pack(">I", 7)), NotProcessedError),
        (frame(RST_STREAM, 0, 1, struct.pack(">I", 2)), StreamResetError),
        (frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)), NotProcessedError),
        (frame(RST_STREAM, 0, 1, b"abc"), Http2Error),
        (frame(GOAWAY, 0, 0, b"abc"), Http2Error),
        (frame(SETTINGS, 0, 0, b"abc"), Http2Error),
        (frame(WINDOW_UPDATE, 0, 0, b"abc"), Http2Error),
        (frame(5, END_HEADERS, 1, b"\0\0\0\2"), Http2Error),
        (frame(CONTINUATION, END_HEADERS, 1, b"\x88"), Http2Error),
        (frame(HEADERS, 0, 1, b"\x88") + frame(PING, 0, 0, bytes(8)), Http2Error),
        (frame(HEADERS, 0, 1, b"\x88") + frame(CONTINUATION, 0, 1, bytes(60_000)) * 2, Http2Error),
        (frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"), Http2Error),
        (frame(DATA, PADDED, 1, b"\5abc"), Http2Error),
        (frame(DATA, PADDED, 1), Http2Error),
        (frame(DATA, 0, 0, b"abc"), Http2Error),
        (frame(DATA, 0, 1, bytes(LIMIT)) + frame(DATA, 0, 1, b"a"), OversizedReplyError),
        (b"\xff\xff\xff" + bytes(6), Http2Error),
        (b"", ConnectionResetError),
    ],
)
def test_what_ends_a_request_is_one_error(sent, kind) -> None:
    def serve(peer: Peer) -> None:
        next(peer.requests())
        peer.send(sent)
        if not sent:
            return
        peer.read()  # until this side closes

    with connected(serve) as connection, pytest.raises(kind):
        ask(connection)


def test_a_request_that_the_server_has_begun_ends_though_the_server_goes_away() -> None:
    def serve(peer: Peer) -> None:
        stream, body = next(peer.requests())
        peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", 2**31 - 1, 0)), reply(stream, body))
        peer.read()

    with connected(serve) as connection:
        assert ask(connection) == message(b"body")
        assert not connection.is_usable


def test_a_late_request_is_cancelled_on_the_server() -> None:
    peers = []

    def serve(peer: Peer) -> None:
        peers.append(peer)
        while True:
            peer.read()

    with connected(serve) as connection:
        with pytest.raises(TimeoutError):
            ask(connection, seconds=0.05)
        connection.cancel()

    assert (RST_STREAM, 0, 1, struct.pack(">I", 8)) in peers[0].seen


def test_bytes_that_trickle_do_not_delay_a_deadline() -> None:
    def serve(peer: Peer) -> None:
        next(peer.requests())
        for byte in reply(1, bytes(500)) * 3:
            peer.connection.sendall(bytes([byte]))
            time.sleep(0.005)

    with connected(serve) as connection, pytest.raises(TimeoutError):
        ask(connection, seconds=0.2)


@pytest.mark.parametrize("first", [frame(SETTINGS, ACK, 0), frame(PING, 0, 0, bytes(8)), b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_that_does_not_begin_with_its_settings_is_refused(first) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(first)
        connection = Http2Connection(TimedSocket(ours))

        with pytest.raises(Http2Error):
            connection.open(time.monotonic() + 5)


def test_half_a_frame_in_an_idle_connection_ends_it() -> None:
    with connected(answering(b"")) as connection:
        ask(connection)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8))[:5])
        connection = Http2Connection(TimedSocket(ours))
        connection.open(time.monotonic() + 5)

        with pytest.raises(TimeoutError):
            connection.drain()
