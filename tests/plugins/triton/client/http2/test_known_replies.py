"""Responses in the same frames as one before."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.triton.client.http2.peers import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    WINDOW_UPDATE,
    field,
    frame,
    reply,
)

from turnout_triton.client.http2 import known_replies
from turnout_triton.client.http2.frames import Reply
from turnout_triton.client.http2.known_replies import find_reply, keep_reply

UPDATE = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 91))
FIELDS = {":status": "200"}, {"grpc-status": "0"}


def body(message: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(message)) + message


def kept(message: bytes) -> Reply:
    return Reply(*FIELDS, body(message))


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch) -> None:
    monkeypatch.setattr(known_replies, "_known", {})


@pytest.mark.parametrize(
    ("before", "between", "behind", "window"), [(b"", b"", b"", 0), (b"", b"", UPDATE, 91), (UPDATE, UPDATE, UPDATE, 273)]
)
def test_the_body_of_the_same_frames_on_another_stream_is_found(before, between, behind, window) -> None:
    def received(stream: int, message: bytes) -> bytes:
        return before + reply(stream, message, between) + behind

    keep_reply(received(1, b"one"), 1, kept(b"one"))

    assert find_reply(received(70_001, b"two"), 70_001) == (kept(b"two"), window)
    assert find_reply(received(70_001, b"two"), 70_003) is None
    assert find_reply(received(70_001, b"four"), 70_001) is None


@given(st.integers(0, len(reply(3, b"two") + UPDATE) - 1), st.integers(1, 255))
def test_frames_that_differ_anywhere_but_in_the_body_are_not_known(position, change) -> None:
    known_replies._known.clear()
    keep_reply(reply(1, b"one") + UPDATE, 1, kept(b"one"))
    received = bytearray(reply(3, b"two") + UPDATE)
    received[position] ^= change

    found = find_reply(bytes(received), 3)

    if found is not None:
        assert len(found[0].body) == len(body(b"two"))
        assert found[0].body != body(b"two"), "a difference outside of the body was overlooked"


HEAD = frame(HEADERS, END_HEADERS, 1, b"\x88")
BODY = frame(DATA, 0, 1, body(b"one"))
END = frame(HEADERS, END_HEADERS | END_STREAM, 1, field("grpc-status", "0"))


@pytest.mark.parametrize(
    "received",
    [
        b"",
        HEAD,
        HEAD + BODY,
        HEAD + BODY + END[:-1],
        HEAD + BODY + END + UPDATE[:-1],
        HEAD + BODY + END + UPDATE[:5],
        HEAD + BODY + END + HEAD,
        HEAD + END,
        BODY + END,
        HEAD + BODY + BODY + END,
        HEAD + BODY + frame(PING, 0, 0, bytes(8)) + END,
        HEAD + BODY + END + frame(GOAWAY, 0, 0, bytes(8)),
        HEAD + frame(DATA, PADDED, 1, b"\0" + body(b"one")) + END,
        HEAD + frame(DATA, END_STREAM, 1, body(b"one")),
        frame(HEADERS, END_HEADERS, 3, b"\x88") + BODY + END,
        frame(HEADERS, END_HEADERS, 1, b"\x88" * 5000) + BODY + END,
    ],
)
def test_other_frames_are_not_kept(received) -> None:
    keep_reply(received, 1, kept(b"one"))

    assert not known_replies._known
