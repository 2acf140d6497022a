"""What tritonserver is told on its command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from turnout_triton.server.ports import Ports
from turnout_triton.server.repository import RepositoryModel

_PYTHON_BASED = ("python", "onnxruntime", "pytorch")
STUB_TIMEOUT_SECONDS = 120  # importing torch and transformers takes more than Triton's 30 s on a busy machine


def server_arguments(
    repository: Path, host: str, ports: Ports, chosen: Sequence[RepositoryModel], *, python_based: bool
) -> list[str]:
    """Return the arguments for serving ``repository`` on ``ports`` of ``host``; only ``chosen`` models, if there are any."""
    arguments = [
        f"--model-repository={repository.absolute()}",
        "--exit-on-error=false",  # a model that fails is reported by us, with its reason
        "--exit-timeout-secs=5",
    ]
    for kind, port in (("http", ports.http), ("grpc", ports.grpc), ("metrics", ports.metrics)):
        arguments += [f"--{kind}-port={port}", f"--{kind}-address={host}"]
    if chosen:
        arguments += ["--model-control-mode=explicit", *(f"--load-model={model.name}" for model in chosen)]
    for backend in _PYTHON_BASED if python_based else ("python",):
        arguments.append(f"--backend-config={backend},shm-region-prefix-name={{prefix}}")
        arguments.append(f"--backend-config={backend},stub-timeout-seconds={STUB_TIMEOUT_SECONDS}")
    return arguments
