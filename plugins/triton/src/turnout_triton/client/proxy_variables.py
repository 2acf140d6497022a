"""The proxies of the environment, as messages about a connection name them.

Loopback is never called through a proxy. On other hosts gRPC uses one by itself, and HTTP uses none: both as tritonclient does.
"""

from __future__ import annotations

import os

from turnout_triton.client.endpoints import Endpoint

# In gRPC's order, which knows lower case only; curl knows the others too.
_GRPC = ("grpc_proxy", "https_proxy", "http_proxy")
_HTTP = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def proxy_variable(endpoint: Endpoint) -> str:
    """Return the variable of the environment that names a proxy for ``endpoint``, if there is one; else an empty text."""
    names = _GRPC if endpoint.speaks_grpc else _HTTP
    return "" if endpoint.is_loopback else next((name for name in names if os.environ.get(name)), "")


def proxy_note(endpoint: Endpoint) -> str:
    """Return a sentence for an error about the connection to ``endpoint`` where the environment has a proxy; else nothing."""
    name = proxy_variable(endpoint)
    if not name:
        return ""
    # Without the user and the password in front of an @.
    proxy = os.environ[name].rpartition("@")[2]
    if endpoint.speaks_grpc:
        return f" (gRPC goes through the proxy {proxy!r} of {name} unless no_proxy names {endpoint.host!r})"
    return f" (directly: the proxy {proxy!r} of {name} is not used over HTTP)"
