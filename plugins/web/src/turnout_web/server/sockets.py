"""The listening sockets of a server."""

from __future__ import annotations

import errno
import shlex
import socket
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError

DEFAULT_CONFIG = Path("turnout.yaml")
_BACKLOG = 2048
_Address = tuple[socket.AddressFamily, Any]


def bind(host: str, port: int, config: Path = DEFAULT_CONFIG) -> list[socket.socket]:
    """Return a listening socket for each address of ``host``; with port 0, on one port that is free.

    Args:
        host: an address or a name.
        port: the port.
        config: the settings file of the server, for the next step after an error.

    Raises:
        ConfigurationError: nothing can listen there; the message says why.
    """
    found: list[socket.socket] = []
    try:
        for family, address in _resolve(host, port):
            found.append(_listen(family, (address[0], found[0].getsockname()[1] if found else port, *address[2:])))
    except (OSError, ValueError) as error:
        for one in found:
            one.close()
        raise ConfigurationError(_reason(host, port, error), next_step=_step(error, config)) from error
    return found


def url_of(host: str, port: int) -> str:
    """Return the URL under which this machine reaches the server."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def _resolve(host: str, port: int) -> list[_Address]:
    if not host:  # which the system takes for every address
        raise ValueError("no host")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listen(family: socket.AddressFamily, address: Any) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _reason(host: str, port: int, error: OSError | ValueError) -> str:
    place = f"port {port} of {host!r}"
    if isinstance(error, ValueError | socket.gaierror):
        return f"the server cannot listen on {host!r}: no address has this name; give --host an address of this machine"
    if error.errno == errno.EADDRINUSE:
        return f"the server cannot listen on {place}: another program listens there; stop it, or give another --port"
    if error.errno == errno.EACCES:
        return f"the server cannot listen on {place}: this user may use ports from 1024; give another --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"the server cannot listen on {place}: this machine does not have the address; give --host one of its own"
    return f"the server cannot listen on {place}: {error.strerror or error}; give another --host or --port"


def _step(error: OSError | ValueError, config: Path) -> str | None:
    if getattr(error, "errno", None) not in (errno.EADDRINUSE, errno.EACCES):
        return None
    named = f" --config {shlex.quote(str(config))}" if config != DEFAULT_CONFIG else ""
    return f"turnout serve --port 0{named}"
