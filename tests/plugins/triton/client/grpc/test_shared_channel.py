"""One channel a process for each server."""

from __future__ import annotations

import pytest

from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.grpc.shared_channel import SharedChannel

HERE = Endpoint("grpc", "127.0.0.1", 1)


def test_models_of_one_server_share_a_channel_until_the_last_closes() -> None:
    first, second = (SharedChannel(HERE, ConnectionSettings()) for _ in range(2))
    assert first.channel is second.channel

    first.close()
    first.close()
    third = SharedChannel(HERE, ConnectionSettings())
    assert third.channel is second.channel
    second.close()
    third.close()
    with pytest.raises(ValueError, match="closed channel"):
        third.channel.channel.unary_unary("/x")(b"")

    again = SharedChannel(HERE, ConnectionSettings())
    assert again.channel is not first.channel
    again.close()


@pytest.mark.parametrize(
    ("endpoint", "connection"),
    [
        (Endpoint("grpc", "127.0.0.1", 2), ConnectionSettings()),
        (HERE, ConnectionSettings(headers=(("a", "b"),))),
        (HERE, ConnectionSettings(compression="gzip")),
    ],
    ids=["port", "headers", "compression"],
)
def test_another_way_to_connect_is_another_channel(endpoint, connection) -> None:
    first, second = SharedChannel(HERE, ConnectionSettings()), SharedChannel(endpoint, connection)

    assert first.channel is not second.channel
    first.close()
    second.close()
