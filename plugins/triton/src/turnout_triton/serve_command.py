"""The command that starts a server where a model's options look for one."""

from __future__ import annotations

import shlex

from turnout.errors import ConfigurationError
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.options import TritonOptions
from turnout_triton.server.ports import DEFAULT_PORTS


def serve_command(options: TritonOptions, repository: str) -> str:
    """Return ``turnout triton serve`` with the ``repository`` and the port of the first URL; empty if its host is another one.

    A command for a base path is empty too: a proxy answers there.
    """
    try:
        endpoint = parse_endpoint(options.urls[0], "")
    except ConfigurationError:
        return ""  # the error of the model itself says so
    if not endpoint.is_loopback or endpoint.path or endpoint.secure:
        return ""
    words = ["turnout", "triton", "serve"]
    words += ["--repository", repository] if repository else []
    option, default = ("--grpc-port", DEFAULT_PORTS.grpc) if endpoint.speaks_grpc else ("--http-port", DEFAULT_PORTS.http)
    words += [] if endpoint.port == default else [option, str(endpoint.port)]
    return shlex.join(words)
