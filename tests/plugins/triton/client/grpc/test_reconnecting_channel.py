"""A connection without responses is replaced."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from turnout_triton.client.grpc.reconnecting_channel import ReconnectingChannel

URL = "grpc://127.0.0.1:1"


@pytest.fixture
def channels() -> Iterator[list[Any]]:
    """The channels that were opened; closed after the test."""
    made: list[Any] = []
    yield made
    for channel in made:
        channel.close()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel(channels, clock) -> ReconnectingChannel:
    def open_channel() -> Any:
        channels.append(grpc.insecure_channel("127.0.0.1:1"))
        return channels[-1]

    return ReconnectingChannel(open_channel, URL, clock)


def time_out(channel: ReconnectingChannel, times: int) -> None:
    for _ in range(times):
        channel.record_timeout()


def test_three_calls_without_a_response_open_a_new_connection(channel, channels, caplog) -> None:
    before = channel.infer

    time_out(channel, 2)
    assert channels == [channel.channel]
    with caplog.at_level(logging.WARNING):
        channel.record_timeout()

    assert (len(channels), channel.channel, channel.infer is before) == (2, channels[1], False)
    assert [record.message for record in caplog.records] == [
        f"triton at {URL!r}: no response to 3 calls in a row, opened a new connection"
    ]


def test_a_response_in_between_keeps_the_connection(channel, channels) -> None:
    for _ in range(5):
        time_out(channel, 2)
        channel.record_response()

    assert len(channels) == 1


def test_a_silent_server_gets_a_new_connection_at_most_every_two_seconds(channel, channels, clock) -> None:
    time_out(channel, 30)
    assert len(channels) == 2

    clock.now += 2.1
    time_out(channel, 30)

    assert len(channels) == 3


def test_calls_in_flight_stay_on_the_old_connection(channel, channels) -> None:
    time_out(channel, 3)

    with pytest.raises(grpc.RpcError):  # refused by the port, not by a closed channel
        channels[0].unary_unary("/x")(b"", timeout=5)
