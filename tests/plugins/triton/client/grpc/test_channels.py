"""One channel a process for each server."""

from __future__ import annotations

import pytest

from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.grpc.channels import SharedChannel

HERE = Endpoint("grpc", "127.0.0.1", 1)


def test_models_of_one_server_share_a_channel_until_the_last_closes() -> None:
    first, second = (SharedChannel(HERE, Connection()) for _ in range(2))
    assert first.channel is second.channel

    first.close()
    first.close()
    third = SharedChannel(HERE, Connection())
    assert third.channel is second.channel
    second.close()
    third.close()
    with pytest.raises(ValueError, match="closed channel"):
        third.channel.unary_unary("/x")(b"")

    again = SharedChannel(HERE, Connection())
    assert again.channel is not first.channel
    again.close()


@pytest.mark.parametrize(
    ("endpoint", "connection"),
    [
        (Endpoint("grpc", "127.0.0.1", 2), Connection()),
        (HERE, Connection(headers=(("a", "b"),))),
        (HERE, Connection(compression="gzip")),
    ],
    ids=["port", "headers", "compression"],
)
def test_another_way_to_connect_is_another_channel(endpoint, connection) -> None:
    first, second = SharedChannel(HERE, Connection()), SharedChannel(endpoint, connection)

    assert first.channel is not second.channel
    first.close()
    second.close()
