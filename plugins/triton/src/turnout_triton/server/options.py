"""How a local server is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from turnout_triton.server.ports import Ports


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a local server is started.

    Attributes:
        models: serve only these; all by default.
        host: the address to listen on, loopback by default.
        ports: the ports to listen on; free ones by default.
        other_ports: what is taken where one of ``ports`` is not to be had; None: that is an error.
        binary: a tritonserver; by default the one on PATH, else one from PyPI in a private environment.
        environment: the folder of that environment; ``$TURNOUT_TRITON_ENVIRONMENT`` or the user's cache by default.
        torch_index: where torch is installed from, if it has to be.
        arguments: more arguments for tritonserver.
        ready_timeout_seconds: how long loading may take.
        grace_seconds: how long requests in flight may take at the end; 0 ends the server at once.
    """

    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    ports: Ports = field(default_factory=Ports)
    other_ports: Ports | None = None
    binary: Path | None = None
    environment: Path | None = None
    torch_index: str | None = None
    arguments: tuple[str, ...] = ()
    ready_timeout_seconds: float = 300.0
    grace_seconds: float = 5.0
