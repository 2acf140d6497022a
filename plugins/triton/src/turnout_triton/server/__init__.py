"""A real Triton server on this machine, without docker: installed if needed, started, watched and stopped."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from turnout.errors import one_line

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
    try:
        module = importlib.import_module(_MODULES[name])
    except AttributeError as error:
        # `from turnout_triton.server import LocalServer` takes an AttributeError for a missing name, and hides it.
        raise ImportError(f"{_MODULES[name]!r} cannot be imported: {one_line(error)}", name=_MODULES[name]) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
