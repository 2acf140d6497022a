"""NVIDIA's container for a model repository, as a docker command and as a compose file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ConfigurationError
from turnout_triton.repository.layout import is_folder_name
from turnout_triton.server.ports import DEFAULT_PORTS, Ports

IMAGE = "nvcr.io/nvidia/tritonserver"
TAG = "26.06-py3"
"""An image with the backends onnxruntime, pytorch and python, and with the security fixes of August 2025."""

_GPUS = re.compile(r"all\Z|[1-9][0-9]*\Z|device=(?P<ids>[\w-]+(,[\w-]+)*)\Z")
_MOUNT = "/models"


@dataclass(frozen=True, slots=True)
class Container:
    """A container that serves ``repository``, mounted read-only.

    Attributes:
        repository: the model repository; an absolute path.
        models: the models to serve; all if empty.
        host: the address of this machine to publish the ports on.
        ports: the published ports of this machine.
        tag: the image's tag.
        gpus: ``all``, a number, ``device=0,1``, or empty for none.
        shares_memory: clients of this machine may send tensors through shared memory.
    """

    repository: Path
    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    ports: Ports = DEFAULT_PORTS
    tag: str = TAG
    gpus: str = ""
    shares_memory: bool = False

    def __post_init__(self) -> None:
        if self.gpus and not _GPUS.match(self.gpus):
            raise ConfigurationError(
                f"--gpus {self.gpus!r} is neither 'all', nor a number, nor 'device=0,1'; correct it, or omit it for no GPU"
            )
        if ":" in str(self.repository) or not str(self.repository).isprintable():
            raise ConfigurationError(
                f"docker cannot mount {str(self.repository)!r}, because its name has a colon or a character that cannot be "
                "printed; give --repository another folder"
            )
        if unnamed := [name for name in self.models if not is_folder_name(name)]:
            raise ConfigurationError(f"{unnamed[0]!r} is not a folder name in a model repository; correct --model")

    def docker_command(self) -> list[str]:
        """Return the command ``docker run ...``, word by word."""
        words = ["docker", "run", "--rm", "--name", "turnout-triton", *self._memory_arguments()]
        if self.gpus:
            # docker reads the value as CSV: a comma between devices needs quotes of its own.
            words += ["--gpus", f'"{self.gpus}"' if "," in self.gpus else self.gpus]
        for published in self._published_ports():
            words += ["--publish", published]
        words += ["--volume", f"{self.repository}:{_MOUNT}:ro"]
        words += ["--health-cmd", " ".join(_HEALTH), "--health-interval", "5s", "--health-start-period", "120s"]
        return [*words, f"{IMAGE}:{self.tag}", *self._server_command()]

    def compose_file(self) -> str:
        """Return the text of a compose file."""
        volume = {"type": "bind", "source": str(self.repository), "target": _MOUNT, "read_only": True}
        health = {"test": ["CMD", *_HEALTH], "interval": "5s", "timeout": "3s", "retries": 3, "start_period": "120s"}
        service: dict[str, object] = {
            "image": f"{IMAGE}:{self.tag}",
            "command": self._server_command(),
            "ports": list(self._published_ports()),
            "volumes": [volume],
            "healthcheck": health,
            "restart": "unless-stopped",
        }
        service |= {"ipc": "host"} if self.shares_memory else {"shm_size": "1gb"}
        if self.gpus:
            service["deploy"] = {"resources": {"reservations": {"devices": [self._device()]}}}
        # JSON is YAML too, so no YAML writer is needed here. docker compose reads a dollar sign as a variable, also in quotes.
        lines = [f"    {name}: {json.dumps(value, ensure_ascii=False).replace('$', '$$')}" for name, value in service.items()]
        return "\n".join(["services:", "  triton:", *lines, ""])

    def _memory_arguments(self) -> list[str]:
        return ["--ipc", "host"] if self.shares_memory else ["--shm-size", "1g"]

    def _published_ports(self) -> Iterator[str]:
        host = f"[{self.host}]" if ":" in self.host else self.host
        inside = DEFAULT_PORTS.by_kind()
        for kind, outside in self.ports.by_kind().items():
            yield f"{host}:{outside}:{inside[kind]}"

    def _server_command(self) -> list[str]:
        words = ["tritonserver", f"--model-repository={_MOUNT}"]
        if self.models:
            words += ["--model-control-mode=explicit", *(f"--load-model={name}" for name in self.models)]
        return words

    def _device(self) -> dict[str, object]:
        found = _GPUS.match(self.gpus)
        ids = found["ids"].split(",") if found and found["ids"] else None
        count: object = "all" if self.gpus == "all" else None if ids else int(self.gpus)
        return {"driver": "nvidia", "capabilities": ["gpu"], **({"device_ids": ids} if ids else {"count": count})}


_HEALTH = ("curl", "--fail", "--silent", "--show-error", "http://localhost:8000/v2/health/ready")
