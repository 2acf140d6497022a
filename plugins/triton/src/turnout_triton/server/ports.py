"""The three ports of a server, and their reservation while it starts and restarts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from turnout.errors import ConfigurationError
from turnout.forking import Forks


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that a server listens on; 0: the kernel chooses a free one."""

    http: int = 0
    grpc: int = 0
    metrics: int = 0

    def by_kind(self) -> dict[str, int]:
        """Return the ports by ``http``, ``grpc`` and ``metrics``, in this order."""
        return {"http": self.http, "grpc": self.grpc, "metrics": self.metrics}


DEFAULT_PORTS = Ports(8000, 8001, 8002)
"""The default ports of Triton and of its clients."""


class PortReservation:
    """A reservation of three ports of ``host``, which are bound but not listening, until it is closed.

    Triton and gRPC set SO_REUSEADDR, so they can listen on a port that is bound here with SO_REUSEADDR, and the kernel gives
    none of these ports to a process that binds port 0. SO_REUSEADDR would allow a second reservation too: so each port also has
    a name in Linux's abstract socket namespace, which has one owner at a time and is released when its process ends.

    Raises:
        ConfigurationError: a requested port is in use, or ``host`` is not an address of this machine.
    """

    def __init__(self, host: str, wanted: Ports) -> None:
        self._sockets: list[socket.socket] = []
        _check_different(wanted)
        try:
            bound = {kind: self._bind(host, kind, port) for kind, port in wanted.by_kind().items()}
        except BaseException:
            self.close()
            raise
        self.ports = Ports(**bound)
        Forks.renew(self)

    def renew(self) -> None:
        """Close the sockets of a forked child; the reservation stays with the parent."""
        self.close()

    def close(self) -> None:
        """Release the ports."""
        for reserved in self._sockets:
            reserved.close()

    def _bind(self, host: str, kind: str, port: int) -> int:
        reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._sockets.append(reserved)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reserved.bind((host, port))
            number: int = reserved.getsockname()[1]
            self._claim(host, number)
        except OSError as error:
            raise ConfigurationError(
                f"the {kind} port {port} of {host!r} cannot be used: {error.strerror}; give --{kind}-port another "
                "number, or omit it to use a free port"
            ) from error
        return number

    def _claim(self, host: str, port: int) -> None:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(claim)
        claim.bind(f"\0turnout-triton-{host}-{port}")


def _check_different(wanted: Ports) -> None:
    """Raise ConfigurationError if two of the ports are the same."""
    kinds: dict[int, str] = {}
    for kind, port in wanted.by_kind().items():
        if port and kinds.setdefault(port, kind) != kind:
            raise ConfigurationError(f"the {kind} port {port} is the {kinds[port]} port too; give --{kind}-port another number")


def reserve(host: str, choices: Iterable[Ports]) -> PortReservation:
    """Return a reservation of the first of ``choices`` that is free.

    Raises:
        ConfigurationError: none is free; the message is that of the last.
    """
    *preferred, last = choices
    for ports in preferred:
        with contextlib.suppress(ConfigurationError):
            return PortReservation(host, ports)
    return PortReservation(host, last)
