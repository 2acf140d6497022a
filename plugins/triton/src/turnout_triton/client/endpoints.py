"""Addresses of Triton servers."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import quote

from turnout.errors import ConfigurationError

# No user: a password belongs under 'headers', which are never shown.
_URL = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^\s?#]*)?\Z"
)
_DEFAULT_PORTS = {"grpc": 0, "grpcs": 443, "http": 80, "https": 443}
_LOOPBACK_NAMES = re.compile(r"(.*\.)?localhost\.?|ip6-(localhost|loopback)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host and port of a server, and its protocol: ``grpc``, ``grpcs``, ``http`` or ``https``.

    Attributes:
        path: the base path in front of ``/v2`` over HTTP, as of an ingress; without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}{self.path}"

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

    @property
    def is_loopback(self) -> bool:
        """True if ``host`` names this machine itself by its name or number; resolves nothing."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return _LOOPBACK_NAMES.fullmatch(self.host) is not None
        mapped = getattr(address, "ipv4_mapped", None) or address
        return bool(mapped.is_loopback or mapped.is_unspecified)  # a connection to 0.0.0.0 goes to this machine

    def on_this_host(self) -> bool:
        """Return whether every address of ``host`` belongs to this machine; resolves the name, which may block."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError:
            return False
        # Every address: a connection may use any of them, and only a server on this host can open our regions.
        return bool(found) and all(_is_own(family, address[0]) for family, _, _, _, address in found)


def server_attributes(endpoint: Endpoint) -> dict[str, str | int]:
    """Return what a span says about ``endpoint``, by the semantic conventions of OpenTelemetry."""
    return {"server.address": endpoint.host, "server.port": endpoint.port}


def parse_endpoint(url: str, model: str) -> Endpoint:
    """Return the endpoint that ``url`` of ``model`` names; without a scheme the protocol is gRPC.

    Raises:
        ConfigurationError: ``url`` is not a host with a port where its scheme has no usual one, or has a path for gRPC.
    """
    match = _URL.match(url.strip())
    if match is None and "@" in url:
        raise _user_error(url, model)
    scheme = (match["scheme"] or "grpc") if match else ""
    port = int(match["port"] or _DEFAULT_PORTS.get(scheme, 0)) if match else 0
    if match is None or scheme not in _DEFAULT_PORTS or not 0 < port < 65536:
        raise ConfigurationError(
            f"model {model!r}: 'url' of backend 'triton' is {url!r}; write 'host:port', with {', '.join(_DEFAULT_PORTS)} and "
            "'://' in front if it is not gRPC: 'localhost:8001', 'http://localhost:8000', 'https://triton.example.com/base/path'"
        )
    path = (match["path"] or "").rstrip("/")
    if path and scheme.startswith("grpc"):
        raise ConfigurationError(
            f"model {model!r}: 'url' of backend 'triton' is {url!r}, and gRPC has no base path {path!r}; write 'host:port' "
            "without it, or the HTTP port with 'http://' or 'https://' in front"
        )
    return Endpoint(scheme, match["host"].strip("[]"), port, quote(path, safe="/%:@!$&'()*+,;=~"))


def _user_error(url: str, model: str) -> ConfigurationError:
    scheme, separator, _ = url.rpartition("://")
    address = f"{scheme}{separator}{url.rpartition('@')[2]}"
    return ConfigurationError(
        f"model {model!r}: 'url' of backend 'triton' has a user or a password in front of {address!r}, which is not sent; "
        "remove it with the '@', and write what the server asks for under 'headers', such as 'authorization: Bearer ${TOKEN}'"
    )


def _is_own(family: int, address: str | int) -> bool:
    """Return whether a socket of this machine can bind ``address``."""
    # Binding needs no list of interfaces, and UDP leaves no socket in TIME_WAIT.
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
