"""Free ports and their reservation."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from turnout.errors import ConfigurationError
from turnout_triton.server.ports import PortReservation, Ports, reserve


def test_two_reservations_have_six_distinct_ports() -> None:
    with closing(PortReservation("127.0.0.1", Ports())) as one, closing(PortReservation("127.0.0.1", Ports())) as other:
        ports = [getattr(held.ports, kind) for held in (one, other) for kind in ("http", "grpc", "metrics")]

    assert len(set(ports)) == 6


def test_a_server_may_listen_on_a_reserved_port_which_refuses_callers_until_then() -> None:
    with closing(PortReservation("127.0.0.1", Ports())) as held:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", held.ports.grpc))
        with socket.create_server(("127.0.0.1", held.ports.grpc)):
            socket.create_connection(("127.0.0.1", held.ports.grpc)).close()


def test_if_one_port_is_in_use_the_others_are_released() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
        probe.close()
        wanted = Ports(http=free, grpc=other.getsockname()[1])
        with pytest.raises(ConfigurationError, match=r"the grpc port \d+ of '127.0.0.1' cannot be used"):
            PortReservation("127.0.0.1", wanted)

        with closing(PortReservation("127.0.0.1", Ports(http=free))) as held:
            assert held.ports.http == free


def test_one_port_for_two_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the grpc port 9100 is the http port too; give --grpc-port another number"):
        PortReservation("127.0.0.1", Ports(http=9100, grpc=9100))


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the http port 0 of '192\.0\.2\.1' cannot be used"):
        PortReservation("192.0.2.1", Ports())


def test_a_reserved_port_cannot_be_reserved_again_although_it_has_no_listener() -> None:
    with (
        closing(PortReservation("127.0.0.1", Ports())) as first,
        pytest.raises(ConfigurationError, match="the http port") as refused,
    ):
        PortReservation("127.0.0.1", first.ports)
    assert f"{first.ports.http} of '127.0.0.1' cannot be used" in str(refused.value)
    with closing(PortReservation("127.0.0.1", first.ports)) as again:
        assert again.ports == first.ports


def test_without_the_claim_two_reservations_would_share_a_port(monkeypatch) -> None:
    monkeypatch.setattr(PortReservation, "_claim", lambda *_: None)

    with closing(PortReservation("127.0.0.1", Ports())) as first, closing(PortReservation("127.0.0.1", first.ports)) as other:
        assert other.ports == first.ports


def test_the_first_free_choice_is_reserved() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        used = Ports(grpc=listening.getsockname()[1])
        with closing(PortReservation("127.0.0.1", Ports())) as free:
            free.close()
            with closing(reserve("127.0.0.1", [used, free.ports, Ports()])) as held:
                assert held.ports == free.ports
        with pytest.raises(ConfigurationError, match=f"the grpc port {used.grpc}"):
            reserve("127.0.0.1", [used])


def test_a_forked_child_leaves_the_ports_to_its_parent() -> None:
    (ready, announce), (stop, release) = os.pipe(), os.pipe()
    with closing(PortReservation("127.0.0.1", Ports())) as held:
        child = os.fork()
        if not child:
            os.close(release)
            os.write(announce, b"here")
            os.read(stop, 1)
            os._exit(0)
        os.read(ready, 4)
    try:
        with closing(PortReservation("127.0.0.1", held.ports)) as again:
            assert again.ports == held.ports
    finally:
        os.close(release)
        os.waitpid(child, 0)
        for descriptor in (ready, announce, stop):
            os.close(descriptor)
