"""Ports that are free, and stay so."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from turnout.errors import ConfigurationError
from turnout_triton.server.ports import PortReservation, Ports, reserve


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

        with closing(PortReservation("127.0.0.1", Ports(http=free))) as held:
            assert held.ports.http == free


def test_one_port_for_two_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the grpc port 9100 is the http port too; give --grpc-port another number"):
        PortReservation("127.0.0.1", Ports(http=9100, grpc=9100))


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the http port 0 of '192\.0\.2\.1' cannot be had"):
        PortReservation("192.0.2.1", Ports())


def test_a_port_that_was_reserved_first_is_nobody_elses_though_nobody_listens() -> None:
    with (
        closing(PortReservation("127.0.0.1", Ports())) as first,
        pytest.raises(ConfigurationError, match="the http port") as told,
    ):
        PortReservation("127.0.0.1", first.ports)
    assert f"{first.ports.http} of '127.0.0.1' cannot be had" in str(told.value)
    with closing(PortReservation("127.0.0.1", first.ports)) as again:
        assert again.ports == first.ports


def test_without_the_claim_two_would_have_it(monkeypatch) -> None:
    monkeypatch.setattr(PortReservation, "_claim", lambda *_: None)

    with closing(PortReservation("127.0.0.1", Ports())) as first, closing(PortReservation("127.0.0.1", first.ports)) as other:
        assert other.ports == first.ports


def test_the_first_choice_that_can_be_had_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = Ports(grpc=listening.getsockname()[1])
        with closing(PortReservation("127.0.0.1", Ports())) as free:
            free.close()
            with closing(reserve("127.0.0.1", [taken, free.ports, Ports()])) as held:
                assert held.ports == free.ports
        with pytest.raises(ConfigurationError, match=f"the grpc port {taken.grpc}"):
            reserve("127.0.0.1", [taken])


def test_a_forked_child_leaves_the_ports_to_its_parent() -> None:
    (said, saying), (ending, end) = os.pipe(), os.pipe()
    with closing(PortReservation("127.0.0.1", Ports())) as held:
        child = os.fork()
        if not child:
            os.close(end)
            os.write(saying, b"here")
            os.read(ending, 1)
            os._exit(0)
        os.read(said, 4)
    try:
        with closing(PortReservation("127.0.0.1", held.ports)) as again:
            assert again.ports == held.ports
    finally:
        os.close(end)
        os.waitpid(child, 0)
        for open_end in (said, saying, ending):
            os.close(open_end)
