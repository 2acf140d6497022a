"""A connection that breaks inside of HTTP/2 frames, or carries none of gRPC's, is unavailability and no error of the model."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from tests.plugins.triton.client.broken_servers import Behaviour, broken_server
from tests.plugins.triton.client.grpc.test_broken_responses import GOOD, model_at, outcome, values

from turnout import InferenceRequest
from turnout.errors import BackendUnavailableError, InferenceError

X = np.ones((1, 4), np.float32)
DATA_FRAME, HEADERS_FRAME, RESET_FRAME, SETTINGS_FRAME, GOAWAY_FRAME = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name: str, value: str) -> bytes:
    """Return a header as HPACK writes it without compression."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def headers(*fields: bytes, flags: int = END_HEADERS) -> bytes:
    return frame(HEADERS_FRAME, flags, 1, b"".join(fields))


def data(message: bytes, flags: int = 0) -> bytes:
    return frame(DATA_FRAME, flags, 1, b"\0" + struct.pack(">I", len(message)) + message)


HEAD = headers(b"\x88", field("content-type", "application/grpc"))
HALF = frame(DATA_FRAME, 0, 1, b"\0" + struct.pack(">I", 100) + b"abc")


def end(*fields: bytes) -> bytes:
    return headers(*fields, flags=END_HEADERS | END_STREAM)


OK = end(field("grpc-status", "0"))


def responds(*frames: bytes, resets: bool = False) -> Behaviour:
    """Read a request, send ``frames``, and close the connection, with RST if it ``resets``."""

    def behave(connection: socket.socket) -> None:
        received = connection.recv(65536)
        connection.sendall(frame(SETTINGS_FRAME, 0, 0, b"") + frame(SETTINGS_FRAME, 1, 0, b""))
        connection.settimeout(2)
        # Until the request is there: the path of its call is in its headers.
        while b"GRPCInferenceService" not in received:
            if not (more := connection.recv(65536)):
                return
            received += more
        for part in frames:
            connection.sendall(part)
        time.sleep(0.05)
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def outcome_of(behave: Behaviour) -> object:
    """Return the output of one request, or its error."""
    with broken_server(behave) as address, contextlib.closing(model_at(f"grpc://{address}")) as model:
        return outcome(lambda: values(model.infer(InferenceRequest({"x": X}, time.monotonic() + 5))))


BREAKS = {
    "reset": responds(resets=True),
    "end": responds(),
    "reset after the headers": responds(HEAD, resets=True),
    "reset inside a message": responds(HEAD, HALF, resets=True),
    "end inside a message": responds(HEAD, HALF),
    "end inside a frame": responds(HEAD, HALF[:7]),
    "end inside a frame's data": responds(HEAD, frame(DATA_FRAME, 0, 1, b"\0" * 50)[:30]),
    "end of the stream inside a message": responds(HEAD, frame(DATA_FRAME, END_STREAM, 1, b"\0" + struct.pack(">I", 100))),
    "end of the stream without a status": responds(HEAD, data(GOOD, END_STREAM)),
    "garbage": responds(b"\xff" * 100),
    "garbage after the headers": responds(HEAD, b"\xff" * 100),
    "garbage after a message": responds(HEAD, data(GOOD), b"\0\xff\x7f" * 50),
    **{
        f"stream reset {code}": responds(HEAD, frame(RESET_FRAME, 0, 1, struct.pack(">I", code)))
        for code in (0, 1, 2, 5, 7, 8, 11)
    },
    "go away": responds(frame(GOAWAY_FRAME, 0, 0, struct.pack(">II", 0, 0))),
    "go away with an error": responds(frame(GOAWAY_FRAME, 0, 0, struct.pack(">II", 0, 2))),
    "go away after the headers": responds(HEAD, frame(GOAWAY_FRAME, 0, 0, struct.pack(">II", 1, 11))),
    "headers that are none": responds(frame(HEADERS_FRAME, END_HEADERS, 1, b"\xff" * 4)),
    "a page": responds(end(b"\x88", field("content-type", "text/html"))),
    "status 500 of a proxy": responds(end(b"\0\x07:status\x03500")),
    "status 502 of a proxy": responds(end(b"\0\x07:status\x03502")),
    "status 400 of a proxy": responds(end(b"\0\x07:status\x03400")),
    "trailers without a status": responds(HEAD, data(GOOD), end(field("x", "y"))),
    "a status that is no number": responds(HEAD, data(GOOD), end(field("grpc-status", "zz"))),
    "an unknown status": responds(HEAD, data(GOOD), end(field("grpc-status", "99"))),
    "compressed without a coding": responds(HEAD, frame(DATA_FRAME, 0, 1, b"\1" + struct.pack(">I", 3) + b"abc"), OK),
    "success without a message": responds(HEAD, OK),
    "half a protobuf": responds(HEAD, data(GOOD[: len(GOOD) // 2]), OK),
    "protobuf of garbage": responds(HEAD, data(b"\xff" * 40), OK),
    "no protobuf": responds(HEAD, data(b"<html>"), OK),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_connection_that_breaks_is_unavailability(name) -> None:
    error = outcome_of(BREAKS[name])

    assert isinstance(error, BackendUnavailableError), error
    assert "\n" not in str(error)


@pytest.mark.parametrize("name", [name for number, name in enumerate(BREAKS) if number % 4 == 0])
def test_the_fallback_answers_where_a_connection_breaks(name) -> None:
    with broken_server(BREAKS[name]) as address:
        stack = Stack(f"grpc://{address}", FALLS_BACK, triton={"shared_memory": "off"})
        with contextlib.closing(stack.app):
            answers = [stack.model.infer(InferenceRequest({"x": X}, time.monotonic() + 10))["y"].tolist() for _ in range(3)]

    assert answers == [X.tolist()] * 3


def test_a_good_response_in_the_same_frames_is_accepted() -> None:
    assert outcome_of(responds(HEAD, data(GOOD), OK)) == [1, 1]


def test_an_error_in_the_same_frames_is_the_models() -> None:
    failed = end(field("grpc-status", "13"), field("grpc-message", "the valve is stuck"))
    error = outcome_of(responds(HEAD, failed))

    assert isinstance(error, InferenceError)
    assert "the valve is stuck" in str(error)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(HEAD + data(GOOD) + OK) - 1), st.booleans())
def test_a_response_that_is_cut_anywhere_is_unavailability(cut, resets) -> None:
    error = outcome_of(responds((HEAD + data(GOOD) + OK)[:cut], resets=resets))

    assert isinstance(error, BackendUnavailableError), error
