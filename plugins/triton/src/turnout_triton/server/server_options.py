"""The options of a local server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from turnout_triton.server.ports import Ports


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The options of a local server.

    Attributes:
        models: the models to serve; all by default.
        host: the address to listen on, loopback by default.
        ports: the ports to listen on; free ones by default.
        other_ports: the ports to use if one of ``ports`` is in use; None: that is an error.
        binary: a tritonserver; by default the one on PATH, or else one from PyPI in a private environment.
        environment: the folder of that environment; ``$TURNOUT_TRITON_ENVIRONMENT`` or the user's cache by default.
        cpu: serve models whose configs need a GPU on the CPU, from a copy of links with changed configs.
        trust: the models that may be code which ``turnout export`` did not write on this machine; True: all of them.
        torch_index: the package index to install torch from, if needed.
        arguments: more arguments for tritonserver.
        ready_timeout_seconds: the limit for loading the models.
        grace_seconds: the limit for requests in flight at the end; 0 stops the server at once.
    """

    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    ports: Ports = field(default_factory=Ports)
    other_ports: Ports | None = None
    binary: Path | None = None
    environment: Path | None = None
    cpu: bool = False
    trust: bool | tuple[str, ...] = ()
    torch_index: str | None = None
    arguments: tuple[str, ...] = ()
    ready_timeout_seconds: float = 300.0
    grace_seconds: float = 5.0
