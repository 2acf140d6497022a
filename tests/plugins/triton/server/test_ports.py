"""Ports that are free, and stay so."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from turnout.errors import ConfigurationError
from turnout_triton.server.ports import PortReservation, Ports, are_free


def test_reserved_ports_differ_and_are_given_to_nobody_else() -> None:
    with closing(PortReservation("127.0.0.1", Ports())) as one, closing(PortReservation("127.0.0.1", Ports())) as other:
        ports = [getattr(held.ports, kind) for held in (one, other) for kind in ("http", "grpc", "metrics")]

    assert len(set(ports)) == 6


def test_a_server_may_listen_on_a_reserved_port_which_refuses_callers_until_then() -> None:
    with closing(PortReservation("127.0.0.1", Ports())) as held:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", held.ports.grpc))
        with socket.create_server(("127.0.0.1", held.ports.grpc)):
            socket.create_connection(("127.0.0.1", held.ports.grpc)).close()


def test_where_one_port_is_taken_the_others_are_given_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
        probe.close()
        wanted = Ports(http=free, grpc=other.getsockname()[1])
        with pytest.raises(ConfigurationError, match=r"the grpc port \d+ of '127.0.0.1' cannot be had"):
            PortReservation("127.0.0.1", wanted)

        assert are_free("127.0.0.1", Ports(http=free, grpc=free, metrics=free))


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the http port 0 of '192\.0\.2\.1' cannot be had"):
        PortReservation("192.0.2.1", Ports())


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert not are_free("127.0.0.1", Ports(*[other.getsockname()[1]] * 3))
