"""A connection on which nothing is heard any more is replaced."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from turnout_triton.client.grpc.reconnecting_channel import ReconnectingChannel

URL = "grpc://127.0.0.1:1"


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """The channels that were opened, closed at the end."""
    channels: list[Any] = []
    yield channels
    for channel in channels:
        channel.close()


class Clock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(opened, clock) -> ReconnectingChannel:
    def open_channel() -> Any:
        opened.append(grpc.insecure_channel("127.0.0.1:1"))
        return opened[-1]

    return ReconnectingChannel(open_channel, URL, clock)


def unheard(line: ReconnectingChannel, times: int) -> None:
    for _ in range(times):
        line.record_timeout()


def test_three_calls_without_a_word_open_another_connection(line, opened, caplog) -> None:
    before = line.infer

    unheard(line, 2)
    assert opened == [line.channel]
    with caplog.at_level(logging.WARNING):
        line.record_timeout()

    assert (len(opened), line.channel, line.infer is before) == (2, opened[1], False)
    assert [record.message for record in caplog.records] == [
        f"triton at {URL!r}: no response to 3 calls in a row, opened a new connection"
    ]


def test_a_word_in_between_keeps_the_connection(line, opened) -> None:
    for _ in range(5):
        unheard(line, 2)
        line.record_response()

    assert len(opened) == 1


def test_a_server_that_stays_silent_gets_a_connection_every_two_seconds_at_most(line, opened, clock) -> None:
    unheard(line, 30)
    assert len(opened) == 2

    clock.now += 2.1
    unheard(line, 30)

    assert len(opened) == 3


def test_calls_under_way_stay_on_the_old_connection(line, opened) -> None:
    unheard(line, 3)

    with pytest.raises(grpc.RpcError):  # refused by the port, not by a closed channel
        opened[0].unary_unary("/x")(b"", timeout=5)
