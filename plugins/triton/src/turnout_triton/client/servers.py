"""The way to one server."""

from __future__ import annotations

from typing import Protocol

from turnout.errors import MissingDependencyError
from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.messages import RegionControl, Transport


class Server(Transport, RegionControl, Protocol):
    """A transport to a single server."""


def open_server(endpoint: Endpoint, connection: Connection) -> Server:
    """Return the way to the server at ``endpoint``; nothing is asked yet.

    Raises:
        ConfigurationError: a file of 'tls' cannot be used.
        MissingDependencyError: gRPC is not installed.
    """
    if not endpoint.speaks_grpc:
        from turnout_triton.client.http.transport import HttpTransport

        return HttpTransport(endpoint, connection)
    try:
        from turnout_triton.client.grpc.transport import GrpcTransport

        return GrpcTransport(endpoint, connection)
    except ImportError as error:
        raise MissingDependencyError(
            f"the backend 'triton' needs the package {error.name!r} for gRPC; install it: pip install turnout-triton"
        ) from error
