"""Settings of a connection next to its address: certificates, headers, compression."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError
from turnout.files.limits import CERTIFICATE
from turnout.files.regular import read_regular
from turnout_triton.options import DEFAULT_MAX_RESPONSE_BYTES, TritonOptions

_HEADER_NAME = re.compile(r"[0-9a-z_.-]+")
_HEADER_VALUE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Settings for the connections to all servers of a model. Hashable: connections with equal settings are shared.

    Attributes:
        headers: lower-case names and values of every call.
        compression: ``none``, ``gzip`` or ``deflate``.
        ca: PEM file of trusted authorities; None trusts the system's.
        certificate: PEM file of this client's certificate chain.
        key: PEM file of its key.
        server_name: the name in the server's certificate, where it is not the host.
        max_response_bytes: the size of a response beyond which it is refused.
    """

    # Headers carry tokens: out of repr, and so out of logs and tracebacks.
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    compression: str = "none"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES

    def grpc_credentials(self) -> Any:
        """Return gRPC's channel credentials.

        Raises:
            ConfigurationError: a file cannot be read, or certificate and key do not belong together.
        """
        import grpc

        self.ssl_context()  # gRPC itself finds nothing wrong with a file until it connects, and then does not say which
        ca, key, certificate = (_read(file) for file in (self.ca, self.key, self.certificate))
        return grpc.ssl_channel_credentials(ca, key, certificate)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context for TLS sockets. Raises as ``grpc_credentials``."""
        _read(self.ca)
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
            if self.certificate is not None:
                context.load_cert_chain(str(self.certificate), None if self.key is None else str(self.key))
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                f"the files under 'tls' of backend 'triton' cannot be used: {error}; give PEM files that belong together"
            ) from error
        return context


def connection_settings(options: TritonOptions, folder: Path) -> ConnectionSettings:
    """Return the settings that ``options`` describe; relative paths start in ``folder``.

    Raises:
        ConfigurationError: a header cannot be sent.
    """
    headers = tuple(_header(name.lower(), value.get_secret_value()) for name, value in options.headers.items())
    if options.tls is None:
        return ConnectionSettings(headers, options.compression, max_response_bytes=options.max_response_bytes)
    tls = options.tls
    ca, certificate, key = (None if file is None else folder / file for file in (tls.ca, tls.certificate, tls.key))
    return ConnectionSettings(headers, options.compression, ca, certificate, key, tls.server_name, options.max_response_bytes)


def _header(name: str, value: str) -> tuple[str, str]:
    """Return a header that both protocols carry."""
    # gRPC's rules, which are narrower than HTTP's; a line break in a value would add a header of its own over HTTP.
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigurationError(
            f"the header {name!r} of backend 'triton' is not a valid header name; write letters, digits, '-', '_' and '.'"
        )
    if not _HEADER_VALUE.fullmatch(value):
        raise ConfigurationError(
            f"the value of header {name!r} of backend 'triton' has a line break or another character that no header carries; "
            "write printable ASCII"
        )
    return name, value


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return read_regular(file, CERTIFICATE)
    except OSError as error:
        raise ConfigurationError(
            f"the file {str(file)!r} under 'tls' of backend 'triton' cannot be read: {error.strerror}; correct the path"
        ) from error
