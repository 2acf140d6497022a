"""Sockets, plain and of TLS, whose every wait ends at a deadline."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import trustme

from turnout_triton.client.timed_socket import TimedSocket


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a client and of its server."""
    authority = trustme.CA()
    client, server = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(client)
    authority.issue_cert("triton.example").configure_cert(server)
    return client, server


@pytest.fixture(params=["plain", "tls"])
def pair(request, contexts) -> Iterator[tuple[TimedSocket, socket.socket]]:
    """A connection: this side, and the other one, which blocks."""
    client, server = contexts
    with contextlib.ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        theirs.settimeout(5)
        if request.param == "tls":
            accepted: list[socket.socket] = []
            thread = threading.Thread(target=lambda: accepted.append(server.wrap_socket(theirs, server_side=True)))
            thread.start()
            ours = stack.enter_context(client.wrap_socket(ours, server_hostname="triton.example"))
            thread.join(5)
            theirs = stack.enter_context(accepted[0])
        yield TimedSocket(ours), theirs


def soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


def working(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_bytes_go_both_ways(pair) -> None:
    ours, theirs = pair

    ours.send(b"question", soon())
    assert theirs.recv(100) == b"question"
    theirs.sendall(b"answer")
    assert ours.receive(soon()) == b"answer"

    theirs.sendall(b"more")
    buffer = bytearray(10)
    assert ours.receive_into(buffer, soon()) == 4
    assert buffer[:4] == b"more"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda sent: np.frombuffer(sent, np.uint8)])
def test_more_than_the_system_buffers_is_sent_whole(pair, kind) -> None:
    ours, theirs = pair
    sent, received = bytes(range(256)) * 20_000, bytearray()

    def read() -> None:
        while len(received) < len(sent):
            received.extend(theirs.recv(65536))

    thread = working(read)
    ours.send(kind(sent), soon())
    thread.join(5)

    assert received == sent


def test_all_that_is_decrypted_is_received_though_the_socket_is_empty(pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abcdef")
    buffer = bytearray(1)

    assert [ours.receive_into(buffer, soon()) and bytes(buffer) for _ in range(6)] == [b"a", b"b", b"c", b"d", b"e", b"f"]


def test_nothing_to_read_is_a_timeout_at_the_deadline(pair) -> None:
    ours, _ = pair
    start = time.monotonic()

    with pytest.raises(TimeoutError):
        ours.receive(start + 0.1)

    assert 0.1 <= time.monotonic() - start < 1


def test_a_deadline_that_has_passed_is_a_timeout_though_there_is_something_to_read(pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"late")

    with pytest.raises(TimeoutError):
        ours.receive(time.monotonic() - 1)


def test_a_side_that_does_not_read_is_a_timeout_at_the_deadline(pair) -> None:
    ours, _ = pair
    start = time.monotonic()

    with pytest.raises(TimeoutError):
        ours.send(bytes(50_000_000), start + 0.1)

    assert time.monotonic() - start < 2


def test_a_deadline_in_a_thousand_years_is_accepted(pair) -> None:
    ours, theirs = pair
    thread = working(lambda: (time.sleep(0.05), theirs.sendall(b"a")))

    assert ours.receive(soon(1e11)) == b"a"
    thread.join(5)


def test_the_end_of_a_connection_is_empty_and_counts_as_input(pair) -> None:
    ours, theirs = pair
    theirs.shutdown(socket.SHUT_RDWR)
    theirs.close()

    assert ours.receive(soon()) == b""
    assert ours.poll_readable(0)
