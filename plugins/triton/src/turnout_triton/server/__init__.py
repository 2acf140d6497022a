"""A real Triton server on this machine, without docker: installed if needed, started, watched and stopped."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout_triton.server.local_server import LocalServer
    from turnout_triton.server.ports import Ports
    from turnout_triton.server.server_options import ServerOptions

_MODULES = {
    "LocalServer": "turnout_triton.server.local_server",
    "Ports": "turnout_triton.server.ports",
    "ServerOptions": "turnout_triton.server.server_options",
}

__all__ = ["LocalServer", "Ports", "ServerOptions"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'turnout_triton.server' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
