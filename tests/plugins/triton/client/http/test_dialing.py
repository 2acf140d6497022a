"""Each address of a host name gets its share of the time: one that drops packets costs a quarter of a second."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from turnout import InferenceRequest, ModelDeclaration
from turnout_triton.client.http.dialing import Dialer
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions


@contextlib.contextmanager
def dropping(port: int = 0, host: str = "127.0.0.2") -> Iterator[tuple[str, int]]:
    """Listen with a full queue, which drops the packets of further connections as a firewall does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):  # until one is left waiting
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


@contextlib.contextmanager
def accepting(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    with socket.create_server((host, port)):
        yield


@pytest.fixture
def names(monkeypatch) -> dict[str, list[str]]:
    """Addresses by name; the system's file of names cannot be changed by a test."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: object, **named: object) -> list:
        found = []
        for address in known.get(host, [host]):
            found += real(address, port, *arguments, **named)  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def test_the_trap_drops_packets() -> None:
    with dropping() as address, pytest.raises(TimeoutError):
        Dialer(*address).dial(0.5)


def test_the_second_address_answers_if_the_first_drops_packets(names) -> None:
    names["twice"] = ["127.0.0.2", "127.0.0.1"]
    with dropping() as (_, port), accepting(port):
        dialer = Dialer("twice", port)
        start = time.monotonic()
        with dialer.dial(5) as opened:
            assert opened.getpeername() == ("127.0.0.1", port)
        first = time.monotonic() - start
        start = time.monotonic()
        with dialer.dial(5):
            again = time.monotonic() - start

    assert 0.2 < first < 2
    assert again < 0.2, "the address that answered last is not the first"


@pytest.mark.parametrize("addresses", [["127.0.0.3", "127.0.0.1"], ["::1", "127.0.0.1"], ["127.0.0.3", "::1", "127.0.0.1"]])
def test_an_address_that_refuses_costs_no_time(names, addresses) -> None:
    names["twice"] = addresses
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        start = time.monotonic()
        with Dialer("twice", port).dial(5) as opened:
            assert opened.getpeername() == ("127.0.0.1", port)

    assert time.monotonic() - start < 0.2


def test_a_refusal_starts_the_next_attempt_though_another_one_is_pending(names) -> None:
    names["mixed"] = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    with dropping() as (_, port), accepting(port):
        start = time.monotonic()
        with Dialer("mixed", port).dial(5) as opened:
            assert opened.getpeername() == ("127.0.0.1", port)

    assert time.monotonic() - start < 0.45


def test_all_refuse_is_the_last_refusal(names) -> None:
    names["none"] = ["127.0.0.3", "127.0.0.4"]

    with pytest.raises(ConnectionRefusedError):
        Dialer("none", 1).dial(5)


def test_all_drop_is_a_timeout_in_time(names) -> None:
    names["none"] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    with dropping() as (_, port), dropping(port, "127.0.0.3"), dropping(port, "127.0.0.4"):
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            Dialer("none", port).dial(0.8)

    assert time.monotonic() - start < 1.2


def test_an_unknown_name_is_an_error_of_the_system() -> None:
    with pytest.raises(socket.gaierror):
        Dialer("no-such-host.invalid", 1).dial(5)


def test_no_descriptor_is_left(names) -> None:
    names["twice"] = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    with dropping() as (_, port), accepting(port):
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            Dialer("twice", port).dial(5).close()
            with contextlib.suppress(OSError):
                Dialer("127.0.0.3", port).dial(0.1)

        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_socket_is_blocking_until_the_deadline(names) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Dialer(*listener.getsockname()).dial(0.3) as opened:
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            opened.recv(1)

    assert 0.1 < time.monotonic() - start < 1


def test_a_model_is_reached_at_its_second_address(server, names) -> None:
    port = int(server.http_url.rpartition(":")[2])
    names["twice"] = ["127.0.0.2", "127.0.0.1"]
    x = np.ones((1, 2), np.float32)
    options = TritonOptions(url=f"http://twice:{port}", timeout_seconds=5)

    with dropping(port), contextlib.closing(open_model(ModelDeclaration("identity"), options)) as model:
        assert model.infer(InferenceRequest({"x": x}, time.monotonic() + 4))["y"].tolist() == x.tolist()


def test_grpc_reaches_the_second_address_by_itself(server) -> None:
    port = int(server.grpc_url.rpartition(":")[2])
    with dropping(port), grpc.insecure_channel(f"ipv4:127.0.0.2:{port},127.0.0.1:{port}") as channel:
        start = time.monotonic()
        grpc.channel_ready_future(channel).result(5)

    assert time.monotonic() - start < 4
