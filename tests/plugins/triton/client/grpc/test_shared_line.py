"""One channel a process for each server."""

from __future__ import annotations

import pytest

from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.grpc.shared_line import SharedLine

HERE = Endpoint("grpc", "127.0.0.1", 1)


def test_models_of_one_server_share_a_channel_until_the_last_closes() -> None:
    first, second = (SharedLine(HERE, Connection()) for _ in range(2))
    assert first.line is second.line

    first.close()
    first.close()
    third = SharedLine(HERE, Connection())
    assert third.line is second.line
    second.close()
    third.close()
    with pytest.raises(ValueError, match="closed channel"):
        third.line.channel.unary_unary("/x")(b"")

    again = SharedLine(HERE, Connection())
    assert again.line is not first.line
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
    first, second = SharedLine(HERE, Connection()), SharedLine(endpoint, connection)

    assert first.line is not second.line
    first.close()
    second.close()
