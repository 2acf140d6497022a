"""Waiting until a server is there, and every model has answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from turnout.errors import BackendUnavailableError
from turnout_triton.server.listeners import group_listens
from turnout_triton.server.ports import Ports
from turnout_triton.server.process import ServerProcess
from turnout_triton.server.warm_up import check_models, warm_up

logger = logging.getLogger(__name__)

_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # looked up, not bound
_POLL_SECONDS = 0.02


def address(host: str, port: int) -> str:
    """Return ``host:port``, with an IPv6 address in brackets; an address of any interface becomes loopback."""
    host = _ANY_HOST.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def wait_until_ready(
    process: ServerProcess, host: str, ports: Ports, models: Sequence[str], repository: str, timeout_seconds: float
) -> None:
    """Wait until the server listens on all three ports and each of ``models`` has answered once.

    Raises:
        BackendUnavailableError: the server ended, or took too long; the message has its last lines.
        ModelLoadError: it cannot load a model.
    """
    end = time.monotonic() + timeout_seconds
    for port in (ports.grpc, ports.http, ports.metrics):
        while not group_listens(process.pid, port):
            if process.ended.wait(_POLL_SECONDS):
                process.end()
                raise died(process, f"tritonserver ended with {exit_text(process)} before it was ready", repository)
            if time.monotonic() > end:
                raise died(process, f"tritonserver was not ready within {timeout_seconds:g} s", repository)
    _ask_models(process, address(host, ports.grpc), models, repository, end)


def exit_text(process: ServerProcess) -> str:
    """Return with what the process ended: its exit code, the signal that ended it, or its supervisor."""
    code = process.exit_code
    if code is None:
        return "what watched over it"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def died(process: ServerProcess, what: str, repository: str) -> BackendUnavailableError:
    """Return the error for a server that is not there, with the last lines that it wrote."""
    lines = [" ".join(line.split()) for line in process.tail if line.strip(" +-|\n")][-5:]
    said = " | ".join(lines) or "none"
    return BackendUnavailableError(f"{what}, for model repository {repository!r}; its last lines: {said}")


def _ask_models(process: ServerProcess, url: str, models: Sequence[str], repository: str, end: float) -> None:
    from tritonclient.grpc import InferenceServerClient
    from tritonclient.utils import InferenceServerException

    with InferenceServerClient(url) as client:
        try:
            check_models(client, list(models), repository)
            for refused in warm_up(client, list(models), max(end - time.monotonic(), 1.0)):
                logger.warning(
                    "model %s is loaded; it was asked with zeros and ones, and answered: %s", refused.model, refused.text
                )
        except InferenceServerException as error:
            raise died(process, f"tritonserver does not answer: {error}", repository) from error
