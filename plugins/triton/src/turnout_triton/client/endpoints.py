"""The address of a server."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from turnout.errors import ConfigurationError

_URL = re.compile(r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(?P<port>[0-9]{1,5})/?\Z")
_SCHEMES = ("grpc", "grpcs", "http", "https")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens, and what is spoken there: ``grpc``, ``grpcs``, ``http`` or ``https``."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}"

    @property
    def target(self) -> str:
        """``host:port``."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Tell whether the connection is encrypted."""
        return self.scheme in ("grpcs", "https")

    @property
    def speaks_grpc(self) -> bool:
        """Tell whether gRPC is spoken."""
        return self.scheme.startswith("grpc")

    def on_this_host(self) -> bool:
        """Tell whether every address of ``host`` is one of this machine's; asks the resolver, which may block."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError:
            return False
        return bool(found) and all(_is_own(family, address[0]) for family, _, _, _, address in found)


def parse_endpoint(url: str, model: str) -> Endpoint:
    """Return the endpoint that ``url`` of ``model`` names; gRPC where it has no scheme.

    Raises:
        ConfigurationError: it is not ``host:port`` with one of the schemes.
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
    """Tell whether a socket of this machine can have ``address``."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
