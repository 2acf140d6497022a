"""The wait for a server: it listens, and every model has answered."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from typing import Any

from turnout.errors import BackendUnavailableError, ModelLoadError
from turnout_triton.server.dead_stubs import DeadStubs
from turnout_triton.server.listeners import group_listens
from turnout_triton.server.model_probe import check_loaded, probe_models
from turnout_triton.server.ports import Ports
from turnout_triton.server.process import ServerProcess
from turnout_triton.server.server_options import ServerOptions

logger = logging.getLogger(__name__)

_CHANNEL = (
    ("grpc.enable_http_proxy", 0),  # the server is on this machine, whatever http_proxy says
    ("grpc.max_send_message_length", -1),  # replaces tritonclient's own arguments
    ("grpc.max_receive_message_length", -1),
)

_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # looked up, not bound
_POLL_SECONDS = 0.02
_OF_TRITON = re.compile(r"[IWEF]\d{4} |[|+]")


def address(host: str, port: int) -> str:
    """Return ``host:port``, with an IPv6 address in brackets; an address of any interface becomes loopback."""
    host = _ANY_HOST.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def wait_until_ready(
    process: ServerProcess, options: ServerOptions, ports: Ports, models: Sequence[str], repository: str
) -> None:
    """Wait until the server listens on all three ports and each of ``models`` has answered once.

    Raises:
        BackendUnavailableError: the server ended, or exceeded the timeout; the message has its last lines.
        ModelLoadError: it cannot load a model.
    """
    timeout_seconds = options.ready_timeout_seconds
    end, dead = time.monotonic() + timeout_seconds, DeadStubs(process.pid)
    for port in (ports.grpc, ports.http, ports.metrics):
        # The owner of the socket counts: another process may listen on a port that was free a moment ago.
        while not group_listens(process.pid, port):
            if process.ended.wait(_POLL_SECONDS):
                process.end()
                raise server_error(process, f"tritonserver ended with {exit_text(process)} before it was ready", repository)
            if dead.exist():
                raise server_error(process, "the process of a model ended while Triton was loading it", repository)
            if time.monotonic() > end:
                raise server_error(process, f"tritonserver was not ready within {timeout_seconds:g} s", repository)
    _probe_models(process, address(options.host, ports.grpc), models, repository, end, on_cpu=options.cpu)


def exit_text(process: ServerProcess) -> str:
    """Return the end of a server as text: its exit code, the signal that killed it, or its supervisor."""
    code = process.exit_code
    if code is None:
        return "its supervisor"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def server_error(process: ServerProcess, what: str, repository: str) -> BackendUnavailableError:
    """Return the error for a server that failed, with the last lines of its log."""
    lines = [line for line in process.tail if line.strip(" +-|\n")]
    text = f"{what}, for model repository {repository!r}; its last lines: {_join(lines)}"
    return BackendUnavailableError(text, next_step="correct what its last lines name, then start it again")


def _join(lines: Sequence[str]) -> str:
    return " | ".join(" ".join(line.split()) for line in lines[-5:]) or "none"


def _model_lines(process: ServerProcess) -> list[str]:
    """Return what models wrote: the lines that are neither Triton's own log nor one of its tables."""
    return [line for line in process.tail if line.strip() and not _OF_TRITON.match(line)]


def _check_loaded(process: ServerProcess, client: Any, models: list[str], repository: str, *, on_cpu: bool) -> None:
    try:
        check_loaded(client, models, repository, on_cpu=on_cpu)
    except ModelLoadError as error:
        if "stub process" not in str(error).lower():
            raise
        # Triton gives no reason for a model whose process ended.
        text = f"{error}; the last lines of the models: {_join(_model_lines(process))}"
        raise ModelLoadError(text, next_step=error.next_step) from error


def _probe_models(
    process: ServerProcess, url: str, models: Sequence[str], repository: str, end: float, *, on_cpu: bool
) -> None:
    from tritonclient.grpc import InferenceServerClient
    from tritonclient.utils import InferenceServerException

    with InferenceServerClient(url, channel_args=list(_CHANNEL)) as client:
        try:
            _check_loaded(process, client, list(models), repository, on_cpu=on_cpu)
            for rejected in probe_models(client, list(models), max(end - time.monotonic(), 1.0)):
                logger.warning(
                    "model %r is served; it refused the requests of zeros and ones that were made up to try it: %s",
                    rejected.model,
                    rejected.text,
                )
        except InferenceServerException as error:
            raise server_error(process, f"tritonserver does not answer: {error}", repository) from error
