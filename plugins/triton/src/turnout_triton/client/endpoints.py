"""Addresses of Triton servers."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from turnout.errors import ConfigurationError

# No path and no user: neither gRPC nor KServe's paths have a place for them.
_URL = re.compile(r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(?P<port>[0-9]{1,5})/?\Z")
_SCHEMES = ("grpc", "grpcs", "http", "https")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host and port of a server, and its protocol: ``grpc``, ``grpcs``, ``http`` or ``https``."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}"

    @property
    def target(self) -> str:
        """``host:port``, as gRPC names a server."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def secure(self) -> bool:
        """True if the connection is encrypted."""
        return self.scheme in ("grpcs", "https")

    @property
    def speaks_grpc(self) -> bool:
        """True if the protocol is gRPC."""
        return self.scheme.startswith("grpc")

    def on_this_host(self) -> bool:
        """Return whether every address of ``host`` belongs to this machine; resolves the name, which may block."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError:
            return False
        # Every address: a connection may use any of them, and only a server on this host can open our regions.
        return bool(found) and all(_is_own(family, address[0]) for family, _, _, _, address in found)


def parse_endpoint(url: str, model: str) -> Endpoint:
    """Return the endpoint that ``url`` of ``model`` names; without a scheme the protocol is gRPC.

    Raises:
        ConfigurationError: ``url`` is not ``host:port`` with one of the schemes.
    """
    match = _URL.match(url.strip())
    scheme = (match["scheme"] or "grpc") if match else ""
    if match is None or scheme not in _SCHEMES or not 0 < int(match["port"]) < 65536:
        raise ConfigurationError(
            f"model {model!r}: 'url' of backend 'triton' is {url!r}; write 'host:port', with {', '.join(_SCHEMES)} and '://' "
            "in front if it is not gRPC: 'localhost:8001', 'http://localhost:8000'"
        )
    return Endpoint(scheme, match["host"].strip("[]"), int(match["port"]))


def _is_own(family: int, address: str | int) -> bool:
    """Return whether a socket of this machine can bind ``address``."""
    # Binding needs no list of interfaces, and UDP leaves no socket in TIME_WAIT.
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
