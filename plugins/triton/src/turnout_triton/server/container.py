"""NVIDIA's container with the same model repository: as a docker command and as a compose file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ConfigurationError
from turnout_triton.server.ports import TRITONS_OWN, Ports

IMAGE = "nvcr.io/nvidia/tritonserver"
TAG = "26.06-py3"
"""An image with the backends onnxruntime, pytorch and python; later than the security fixes of August 2025."""

_GPUS = re.compile(r"all\Z|[1-9][0-9]*\Z|device=(?P<ids>[\w-]+(,[\w-]+)*)\Z")
_MOUNT = "/models"


@dataclass(frozen=True, slots=True)
class Container:
    """A container that serves ``repository``, mounted read-only.

    Attributes:
        repository: the model repository; an absolute path.
        models: serve only these; all if there are none.
        host: the address of this machine that the ports are published on.
        ports: the ports of this machine.
        tag: the image's tag.
        gpus: ``all``, a number, ``device=0,1``, or empty for none.
        shares_memory: clients of this machine may hand over tensors in shared memory.
    """

    repository: Path
    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    ports: Ports = TRITONS_OWN
    tag: str = TAG
    gpus: str = ""
    shares_memory: bool = False

    def __post_init__(self) -> None:
        if self.gpus and not _GPUS.match(self.gpus):
            raise ConfigurationError(
                f"--gpus {self.gpus!r} is neither 'all', nor a number, nor 'device=0,1'; correct it, or leave it out for none"
            )
        if ":" in str(self.repository):
            raise ConfigurationError(
                f"docker cannot mount {str(self.repository)!r}, whose name holds a colon; give --repository another folder"
            )

    def docker_command(self) -> list[str]:
        """Return the words of ``docker run ...``."""
        words = ["docker", "run", "--rm", "--name", "turnout-triton", *self._memory_words()]
        if self.gpus:
            # docker reads the value as CSV: a comma between devices needs quotes of its own.
            words += ["--gpus", f'"{self.gpus}"' if "," in self.gpus else self.gpus]
        for published in self._published():
            words += ["--publish", published]
        words += ["--volume", f"{self.repository}:{_MOUNT}:ro"]
        words += ["--health-cmd", " ".join(_HEALTH), "--health-interval", "5s", "--health-start-period", "120s"]
        return [*words, f"{IMAGE}:{self.tag}", *self._server_words()]

    def compose_file(self) -> str:
        """Return a compose file. Its values are JSON, which is YAML too."""
        volume = {"type": "bind", "source": str(self.repository), "target": _MOUNT, "read_only": True}
        health = {"test": ["CMD", *_HEALTH], "interval": "5s", "timeout": "3s", "retries": 3, "start_period": "120s"}
        service: dict[str, object] = {
            "image": f"{IMAGE}:{self.tag}",
            "command": self._server_words(),
            "ports": list(self._published()),
            "volumes": [volume],
            "healthcheck": health,
            "restart": "unless-stopped",
        }
        service |= {"ipc": "host"} if self.shares_memory else {"shm_size": "1gb"}
        if self.gpus:
            service["deploy"] = {"resources": {"reservations": {"devices": [self._device()]}}}
        lines = [f"    {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in service.items()]
        return "\n".join(["services:", "  triton:", *lines, ""])

    def _memory_words(self) -> list[str]:
        return ["--ipc", "host"] if self.shares_memory else ["--shm-size", "1g"]

    def _published(self) -> Iterator[str]:
        host = f"[{self.host}]" if ":" in self.host else self.host
        for outside, inside in zip(_numbers(self.ports), _numbers(TRITONS_OWN), strict=True):
            yield f"{host}:{outside}:{inside}"

    def _server_words(self) -> list[str]:
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


def _numbers(ports: Ports) -> tuple[int, int, int]:
    return ports.http, ports.grpc, ports.metrics
