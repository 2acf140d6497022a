"""The command line of tritonserver."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from turnout_triton.model_control import HEADER
from turnout_triton.server.ports import Ports
from turnout_triton.server.servable_models import ServableModel

_PYTHON_BASED = ("python", "onnxruntime", "pytorch")
STUB_TIMEOUT_SECONDS = 120  # importing torch and transformers exceeds Triton's default of 30 s on a busy machine


def server_arguments(
    repository: Path, host: str, ports: Ports, chosen: Sequence[ServableModel], own: Sequence[str] = (), *, python_based: bool
) -> list[str]:
    """Return the arguments to serve an absolute path on ``ports`` of ``host``; if ``chosen`` has models, only those.

    ``own`` are the user's own arguments, which follow: a mode of model control among them replaces ours.
    """
    arguments = [
        f"--model-repository={repository}",
        "--exit-on-error=false",  # a model that fails to load is reported by us, with its reason
        "--exit-timeout-secs=5",
    ]
    for kind, port in ports.by_kind().items():
        arguments += [f"--{kind}-port={port}", f"--{kind}-address={_listen_address(kind, host)}"]
    names = [model.name for model in chosen] or (["*"] if python_based else [])
    if names and not any(argument.startswith("--model-control-mode") for argument in own):
        arguments += ["--model-control-mode=explicit", *(f"--load-model={name}" for name in names)]
        # A web page can send a POST to loopback, but not this header: Triton would load any model that is sent, code included.
        arguments += [f"--http-restricted-api=model-repository:{'='.join(HEADER)}"] if python_based else []
    for backend in _PYTHON_BASED if python_based else ("python",):
        arguments.append(f"--backend-config={backend},shm-region-prefix-name={{prefix}}")
        arguments.append(f"--backend-config={backend},stub-timeout-seconds={STUB_TIMEOUT_SECONDS}")
    return arguments


def _listen_address(kind: str, host: str) -> str:
    """Return ``host`` as tritonserver 2.51 takes it: over HTTP no name, and an IPv6 address as libevent writes it."""
    if ":" not in host:
        return socket.gethostbyname(host)  # as the reservation of the ports resolved it
    return f"[{host}]" if kind == "grpc" else f"ipv6:{host}"
