"""The three ports of a server: chosen free, and kept from others while it starts and restarts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from turnout.errors import ConfigurationError
from turnout.forking import Forks


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens; 0 lets the machine choose a free one."""

    http: int = 0
    grpc: int = 0
    metrics: int = 0


TRITONS_OWN = Ports(8000, 8001, 8002)
"""Where Triton listens if it is told nothing, and clients ask if they are told nothing."""


class PortReservation:
    """Holds three ports of ``host``, bound but without listening, until it is closed.

    Triton and gRPC set SO_REUSEADDR, so they may listen on what is bound here with SO_REUSEADDR, while no other process that
    asks the machine for any free port is given one of these. SO_REUSEADDR would let another reservation have them too: so each
    also holds a name in Linux's abstract namespace of sockets, which one holder can have and which ends with its process.

    Raises:
        ConfigurationError: a port that was asked for is taken, or the host is none of this machine's.
    """

    def __init__(self, host: str, wanted: Ports) -> None:
        self._sockets: list[socket.socket] = []
        _check_different(wanted)
        try:
            http, grpc, metrics = (
                self._bind(host, kind, port)
                for kind, port in (("http", wanted.http), ("grpc", wanted.grpc), ("metrics", wanted.metrics))
            )
        except BaseException:
            self.close()
            raise
        self.ports = Ports(http, grpc, metrics)
        Forks.renew(self)

    def renew(self) -> None:
        """Leave the ports to the parent, in a forked child."""
        self.close()

    def close(self) -> None:
        """Give the ports back."""
        for held in self._sockets:
            held.close()

    def _bind(self, host: str, kind: str, port: int) -> int:
        held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._sockets.append(held)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((host, port))
            number: int = held.getsockname()[1]
            self._claim(host, number)
        except OSError as error:
            raise ConfigurationError(
                f"the {kind} port {port} of {host!r} cannot be had: {error.strerror}; give --{kind}-port another number, "
                "or leave it out and a free one is chosen"
            ) from error
        return number

    def _claim(self, host: str, port: int) -> None:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(claim)
        claim.bind(f"\0turnout-triton-{host}-{port}")


def _check_different(wanted: Ports) -> None:
    asked: dict[int, str] = {}
    for kind, port in (("http", wanted.http), ("grpc", wanted.grpc), ("metrics", wanted.metrics)):
        if port and asked.setdefault(port, kind) != kind:
            raise ConfigurationError(f"the {kind} port {port} is the {asked[port]} port too; give --{kind}-port another number")


def reserve(host: str, choices: Iterable[Ports]) -> PortReservation:
    """Return a reservation of the first of ``choices`` that can be had.

    Raises:
        ConfigurationError: none can; the message is the last one's.
    """
    *preferred, last = choices
    for ports in preferred:
        with contextlib.suppress(ConfigurationError):
            return PortReservation(host, ports)
    return PortReservation(host, last)
