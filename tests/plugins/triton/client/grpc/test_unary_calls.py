"""Small requests over HTTP/2 connections of our own: a break is unavailability, and what they cannot carry is gRPC's."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.triton.client.broken_servers import Behaviour, answers, broken_server, half_closes, resets, silent, trickles
from tests.plugins.triton.client.grpc.test_broken_responses import GOOD, model_at, outcome, values
from tests.plugins.triton.client.grpc.test_cut_frames import BREAKS, HEAD, OK, data, end, field, responds
from tests.plugins.triton.client.http2.peers import ACK, GOAWAY, HEADERS, PING, RST_STREAM, Peer, frame, reply
from tests.plugins.triton.client.waiting import in_time

from turnout import InferenceRequest
from turnout.errors import BackendUnavailableError
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import Endpoint, parse_endpoint
from turnout_triton.client.grpc import unary_calls
from turnout_triton.client.grpc.unary_calls import UnaryCalls
from turnout_triton.client.grpc.unary_reply import CallFailedError
from turnout_triton.client.http2.hpack import decode_fields

X = np.ones((1, 4), np.float32)
THREAD = "turnout-triton-idle"


@pytest.fixture(autouse=True)
def patience(monkeypatch) -> None:
    """A busy machine opens a connection late, which gRPC's would answer for."""
    monkeypatch.setattr(unary_calls, "_OPEN_SECONDS", 20)


@contextlib.contextmanager
def calls_to(address: str, most_bytes: int = 2**20, headers: tuple[tuple[str, str], ...] = ()) -> Iterator[UnaryCalls]:
    connection = ConnectionSettings(headers, max_response_bytes=most_bytes)
    calls = UnaryCalls(parse_endpoint(f"grpc://{address}", "m"), connection)
    calls.allow()
    with contextlib.closing(calls):
        yield calls


def call(behave: Behaviour, seconds: float = 20, most_bytes: int = 2**20) -> bytes | CallFailedError | None:
    """Return what one call returns, or its error."""
    with broken_server(behave) as address, calls_to(address, most_bytes) as calls:
        try:
            return in_time(lambda: calls.call(b"request", seconds), seconds + 0.1)
        except CallFailedError as error:
            return error


def outcome_of(behave: Behaviour) -> object:
    """Return the output of one request through the transport, or its error."""
    with broken_server(behave) as address, contextlib.closing(model_at(f"grpc://{address}")) as model:
        model._transport._unary.allow()
        return outcome(lambda: values(model.infer(InferenceRequest({"x": X}, time.monotonic() + 20))))


def test_a_good_response_is_accepted() -> None:
    assert call(responds(HEAD, data(GOOD), OK)) == GOOD


@pytest.mark.parametrize("name", BREAKS)
def test_a_connection_that_breaks_is_unavailability(name) -> None:
    error = outcome_of(BREAKS[name])

    assert isinstance(error, BackendUnavailableError), error
    assert "\n" not in str(error)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(HEAD + data(GOOD) + OK) - 1), st.booleans())
def test_a_response_that_is_cut_anywhere_is_unavailability(cut, resets) -> None:
    failed = call(responds((HEAD + data(GOOD) + OK)[:cut], resets=resets))

    assert isinstance(failed, CallFailedError)
    assert failed.kind == "unavailable"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data_=st.data())
def test_a_mutated_response_is_an_error_or_a_message_in_time(data_) -> None:
    sent = bytearray(HEAD + data(GOOD) + OK)
    for _ in range(data_.draw(st.integers(1, 4))):
        position = data_.draw(st.integers(0, len(sent)))
        sent[position : position + data_.draw(st.integers(0, 3))] = data_.draw(st.binary(max_size=3))

    got = call(responds(bytes(sent)))

    assert got is None or isinstance(got, bytes | CallFailedError)


@pytest.mark.parametrize(
    "behave",
    [
        answers(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        answers(b"\0" * 100),
        half_closes,
        resets(),
        silent,
        trickles(b"a"),
        responds(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0))),
        responds(frame(RST_STREAM, 0, 1, struct.pack(">I", 7))),
    ],
    ids=["http", "zeros", "half", "reset", "silent", "trickle", "go away", "refused"],
)
def test_what_the_server_has_not_begun_is_left_to_grpc(behave, monkeypatch) -> None:
    monkeypatch.setattr(unary_calls, "_OPEN_SECONDS", 0.3)

    assert call(behave) is None


def test_a_port_that_nobody_listens_on_is_left_to_grpc() -> None:
    with calls_to("127.0.0.1:1") as calls:
        assert in_time(lambda: calls.call(b"request", 5), 1) is None


def serves(answer: Callable[[Peer, int, bytes], object]) -> Behaviour:
    """Serve every request of a connection with ``answer``."""

    def behave(connection) -> None:
        peer = Peer(connection)
        for stream, body in peer.requests():
            answer(peer, stream, body[5:])

    return behave


ECHO = serves(lambda peer, stream, body: peer.send(reply(stream, body)))


def test_requests_of_one_thread_use_one_connection() -> None:
    connections = []

    def behave(connection) -> None:
        connections.append(connection)
        ECHO(connection)

    with broken_server(behave) as address, calls_to(address) as calls:
        assert [calls.call(body, 5) for body in (b"a", b"b", b"c")] == [b"a", b"b", b"c"]
        assert len(connections) == 1


def test_threads_at_once_get_their_own_responses(monkeypatch) -> None:
    monkeypatch.setattr(unary_calls, "_KEEP_SECONDS", 0.0005)  # the thread and the callers want the same connections
    wrong: list[object] = []

    def work(calls: UnaryCalls, number: int) -> None:
        for count in range(50):
            body = f"{number} {count}".encode()
            if (got := calls.call(body, 10)) != body:
                wrong.append(got)

    with broken_server(ECHO) as address, calls_to(address) as calls:
        threads = [threading.Thread(target=work, args=(calls, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert wrong == []


def test_a_call_has_the_fields_of_grpc_and_the_headers_of_the_settings() -> None:
    heads = []

    def answer(peer: Peer, stream: int, body: bytes) -> None:
        heads.append(next(payload for kind, _, _, payload in peer.seen if kind == HEADERS))
        peer.send(reply(stream, body))

    with broken_server(serves(answer)) as address, calls_to(address, headers=(("authorization", "Bearer x"),)) as calls:
        calls.call(b"a", 1.5)

    assert dict(decode_fields(heads[0])) == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/inference.GRPCInferenceService/ModelInfer",
        ":authority": address,
        "te": "trailers",
        "content-type": "application/grpc",
        "user-agent": "turnout-triton",
        "authorization": "Bearer x",
        "grpc-timeout": "1500m",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "1m"), (120, "120000m"), (99_999.999, "99999999m"), (200_000, "200000S"), (1e12, "99999999S")],
)
def test_a_timeout_of_any_length_has_eight_digits_at_most(seconds, text) -> None:
    assert decode_fields(unary_calls._timeout_field(seconds)) == {"grpc-timeout": text}


def test_a_status_is_an_error_with_the_servers_text_and_the_connection_goes_on() -> None:
    connections = []

    def answer(peer: Peer, stream: int, body: bytes) -> None:
        fields = field("grpc-status", "3") + field("grpc-message", "no%20input%3A caf%C3%A9")
        bad = frame(HEADERS, 5, stream, b"\x88" + field("content-type", "application/grpc") + fields)
        peer.send(bad if body == b"bad" else reply(stream, body))

    def behave(connection) -> None:
        connections.append(connection)
        serves(answer)(connection)

    with broken_server(behave) as address, calls_to(address) as calls:
        with pytest.raises(CallFailedError) as caught:
            calls.call(b"bad", 5)
        assert calls.call(b"good", 5) == b"good"
        assert len(connections) == 1

    assert (caught.value.kind, caught.value.text) == ("invalid", "no input: caf\u00e9")


@pytest.mark.parametrize(
    ("status", "kind"), [("401", "denied"), ("403", "denied"), ("404", "unimplemented"), ("503", "unavailable")]
)
def test_a_status_of_http_alone_is_a_failure(status, kind) -> None:
    page = end(b"\0\x07:status\x03" + status.encode(), field("content-type", "text/html"))

    assert call(responds(page)).kind == kind


def test_a_response_beyond_the_limit_is_refused_by_name() -> None:
    assert call(responds(HEAD, data(bytes(100)), OK), most_bytes=100) == bytes(100)

    refused = call(responds(HEAD, data(bytes(101)), OK), most_bytes=100)

    assert (refused.kind, refused.text) == ("large_response", "Received message larger than max (more than 105 bytes vs. 100)")


def test_a_deadline_ends_the_call_here_and_on_the_server_and_grpc_is_asked_next() -> None:
    resets_seen = threading.Event()

    def behave(connection) -> None:
        peer = Peer(connection)
        peer.read_until(lambda got: got[0] == RST_STREAM)
        resets_seen.set()

    with broken_server(behave) as address, calls_to(address) as calls:
        with pytest.raises(CallFailedError) as caught:
            in_time(lambda: calls.call(b"a", 0.2), 0.3)

        assert caught.value.kind == "deadline"
        assert resets_seen.wait(5)
        assert calls.call(b"a", 5) is None


def test_a_request_that_does_not_fit_is_grpcs_and_the_connection_goes_on() -> None:
    with broken_server(ECHO) as address, calls_to(address) as calls:
        assert calls.call(bytes(65_537), 5) is None
        assert calls.call(bytes(60_000), 5) == bytes(60_000)
        assert calls.call(bytes(60_000), 5) is None  # this server does not refill its window
        assert calls.call(bytes(100), 5) == bytes(100)


def test_nothing_is_sent_before_grpc_has_reached_the_server() -> None:
    calls = UnaryCalls(Endpoint("grpc", "127.0.0.1", 1), ConnectionSettings())

    assert calls.call(b"a", 5) is None


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        threading.Event().wait(0.01)
    return condition()


def keepers() -> int:
    return sum(thread.name == THREAD for thread in threading.enumerate())


def test_an_idle_connection_answers_pings_and_ends_when_the_server_goes_away() -> None:
    seen: list[str] = []
    released = threading.Event()

    def behave(connection) -> None:
        peer = Peer(connection)
        stream, body = next(peer.requests())
        peer.send(reply(stream, body[5:]))
        released.wait(5)
        peer.send(frame(PING, 0, 0, b"12345678"))
        peer.read_until(lambda got: got == (PING, ACK, 0, b"12345678"))
        seen.append("ping")
        peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", 2**31 - 1, 0)))
        with contextlib.suppress(ConnectionResetError):
            peer.read()
        seen.append("end")

    with broken_server(behave) as address, calls_to(address) as calls:
        calls.call(b"a", 5)
        assert keepers() == 1
        released.set()

        assert eventually(lambda: seen == ["ping", "end"])
        assert eventually(lambda: keepers() == 0), "the thread outlives the last idle connection"


def test_an_idle_connection_that_the_server_closed_is_replaced() -> None:
    first = threading.Event()

    def behave(connection) -> None:
        peer = Peer(connection)
        for stream, body in peer.requests():
            peer.send(reply(stream, body[5:]))
            if not first.is_set():
                first.set()
                return

    with broken_server(behave) as address, calls_to(address) as calls:
        assert calls.call(b"a", 5) == b"a"
        threading.Event().wait(0.05)
        assert calls.call(b"b", 5) == b"b"


def test_an_old_idle_connection_is_closed(monkeypatch) -> None:
    monkeypatch.setattr(unary_calls, "_LONGEST_IDLE_SECONDS", 0.1)
    with broken_server(ECHO) as address, calls_to(address) as calls:
        calls.call(b"a", 5)

        assert eventually(lambda: not calls._idle)
        assert calls.call(b"b", 5) == b"b"


def test_closing_ends_the_thread_and_the_idle_connections() -> None:
    with broken_server(ECHO) as address:
        with calls_to(address) as calls:
            calls.call(b"a", 5)
        assert keepers() == 0
        assert not calls._idle


@pytest.mark.parametrize(
    ("url", "connection"),
    [
        ("grpcs://127.0.0.1:1", ConnectionSettings()),
        ("grpc://127.0.0.1:1", ConnectionSettings(compression="gzip")),
        ("grpc://127.0.0.1:1", ConnectionSettings((("token-bin", "abc"),))),
        ("grpc://127.0.0.1:1", ConnectionSettings((("grpc-encoding", "gzip"),))),
        ("grpc://triton.example:1", ConnectionSettings()),
    ],
    ids=["tls", "compression", "binary header", "header of gRPC", "proxy"],
)
def test_what_these_connections_do_not_carry_is_grpcs(url, connection, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")

    assert not UnaryCalls.can_reach(parse_endpoint(url, "m"), connection)
    assert UnaryCalls.can_reach(parse_endpoint("grpc://127.0.0.1:1", "m"), ConnectionSettings((("authorization", "x"),)))


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_small_requests_to_a_real_server_use_a_connection_of_our_own(server, open_one) -> None:
    model = open_one(server, "identity", shared_memory="off")
    x = {"x": np.ones((1, 3), np.float32)}

    for _ in range(3):
        assert model.infer(InferenceRequest(x))["y"].tolist() == [[1, 1, 1]]

    assert len(model._transport._unary._idle) == 1


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_a_server_that_stops_does_not_wait_for_idle_connections(own_server, open_one) -> None:
    server = own_server()
    model = open_one(server, "identity", shared_memory="off")
    for _ in range(3):
        model.infer(InferenceRequest({"x": np.ones((1, 3), np.float32)}))
    assert model._transport._unary._idle

    start = time.monotonic()
    os.kill(server.pid, signal.SIGTERM)
    server.wait_for_death()

    # It waits 20 s for each client that does not answer its last ping.
    assert time.monotonic() - start < 15
