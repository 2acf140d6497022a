"""Opening the transport to one server, by the scheme of its URL."""

from __future__ import annotations

from turnout.errors import MissingDependencyError
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.reports import Reports
from turnout_triton.client.transport import ServerTransport


def open_server_transport(
    endpoint: Endpoint, connection: ConnectionSettings, reports: Reports | None = None
) -> ServerTransport:
    """Return the transport to ``endpoint``, which counts its bytes for ``reports``; sends nothing yet.

    Raises:
        ConfigurationError: a file of 'tls' cannot be used.
        MissingDependencyError: gRPC is not installed.
    """
    if not endpoint.speaks_grpc:
        from turnout_triton.client.http.transport import HttpTransport

        return HttpTransport(endpoint, connection, reports)
    try:
        # tritonclient takes 0.35 s to import, so only a gRPC model pays for it.
        from turnout_triton.client.grpc.transport import GrpcTransport

        return GrpcTransport(endpoint, connection, reports)
    except ImportError as error:
        raise MissingDependencyError(
            f"the backend 'triton' needs the package {error.name!r} for gRPC; install it: pip install 'tritonclient[grpc]'"
        ) from error
