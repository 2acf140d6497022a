"""URLs and settings by which tests reach a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout_triton.server import LocalServer

WIRE: Mapping[str, Any] = {"shared_memory": "off"}
SHARED: Mapping[str, Any] = {"shared_memory": "auto", "shared_memory_threshold_bytes": 0}


def url_of(server: LocalServer, protocol: str) -> str:
    """Return the URL of ``server`` for ``grpc`` or ``http``."""
    return f"{protocol}://{server.grpc_url if protocol == 'grpc' else server.http_url}"


def settings(url: Any, *names: str, **options: Any) -> dict[str, Any]:
    """Return a turnout.yaml as a dict: these models at ``url``."""
    backends = {"triton": {"url": url, **options}}
    return {"models": {name: {"backend": "triton", "backends": backends} for name in names}}
