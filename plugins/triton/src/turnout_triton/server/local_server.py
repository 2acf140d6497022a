"""A Triton server of this process: its start, its readiness, its end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from turnout.errors import BackendUnavailableError, ConfigurationError, count_of
from turnout_triton.server.arguments import server_arguments
from turnout_triton.server.orphans import sweep_orphans
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.ports import PortReservation, Ports, reserve
from turnout_triton.server.preparation import prepare
from turnout_triton.server.process import ServerProcess
from turnout_triton.server.readiness import address, exit_text, server_error, wait_until_ready
from turnout_triton.server.server_options import ServerOptions

logger = logging.getLogger(__name__)

_BIND_ATTEMPTS = 5
_SIGNALS_SECONDS = 0.2
_BIND_FAILURES = ("already in use", "failed to start http", "failed to start grpc", "failed to start metrics")


class LocalServer:
    """A real tritonserver that serves ``repository``; a context manager, started by ``start`` or ``with``.

    When ``start`` returns, every model has answered once. It never restarts by itself. When this process ends, even by
    ``kill -9``, the server's whole group ends with it. Not thread-safe, except the urls.

    Attributes:
        ports: the ports it listens on, reserved from the first ``start`` until ``close``.
    """

    def __init__(
        self,
        repository: Path | str,
        options: ServerOptions | None = None,
        *,
        log: Callable[[str], None] | None = None,
        report: Callable[[str], None] = logger.info,
    ) -> None:
        """Create a server without starting it.

        Args:
            repository: the folder of models, in Triton's layout.
            options: its options.
            log: receives each line that the server writes, in a thread of its own.
            report: receives progress messages for the user, such as an installation.
        """
        self.repository = Path(repository)
        self._options = options or ServerOptions()
        self._log = log or (lambda _: None)
        self._report = report
        self._reservation: PortReservation | None = None
        self._process: ServerProcess | None = None
        self._links = PlainLinks()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def ports(self) -> Ports:
        """The ports, from the first ``start`` on."""
        if self._reservation is None:
            raise ConfigurationError(f"the server of {str(self.repository)!r} has no ports before start(); start it first")
        return self._reservation.ports

    @property
    def grpc_url(self) -> str:
        """``host:port`` for gRPC."""
        return address(self._options.host, self.ports.grpc)

    @property
    def http_url(self) -> str:
        """``host:port`` for HTTP, without a scheme."""
        return address(self._options.host, self.ports.http)

    @property
    def metrics_url(self) -> str:
        """The full URL of the metrics."""
        return f"http://{address(self._options.host, self.ports.metrics)}/metrics"

    @property
    def pid(self) -> int:
        """The pid of tritonserver, which leads its process group."""
        return self._running.pid

    @property
    def running(self) -> bool:
        """True if the process runs; it may be paused, or not ready yet."""
        return self._process is not None and not self._process.ended.is_set()

    @property
    def log_tail(self) -> list[str]:
        """The last lines that the server wrote."""
        return self._process.tail if self._process else []

    def start(self) -> None:
        """Start the server and wait until every model has answered once.

        Raises:
            ConfigurationError: the repository, a model's name, the binary or a port cannot be used.
            ModelLoadError: a model cannot be loaded; the message has the server's reason.
            MissingDependencyError: tritonserver cannot be installed, or a model needs a backend that it does not have.
            BackendUnavailableError: the server ended, or exceeded the timeout; the message has its last lines.
        """
        if self.running:
            return
        sweep_orphans()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server, its whole group and its shared memory; release the ports. Does nothing a second time."""
        self._end_process()
        self._release_ports()
        self._links.close()

    def kill(self) -> None:
        """Kill the server as a crash would, and wait until its group has ended; its ports stay reserved for ``restart``."""
        process = self._running
        process.signal(signal.SIGKILL)
        process.ended.wait()
        process.end()

    def pause(self) -> None:
        """Pause the server: connections stay open, but nothing answers. Blocks until that is so."""
        self._running.pause()

    def resume(self) -> None:
        """Resume a paused server."""
        self._running.signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop the server if it still runs, and start it again on the same ports."""
        self._end_process()
        self.start()

    def wait_for_death(self) -> BackendUnavailableError:
        """Wait until the server ends by itself; return the error with its exit code and its last lines."""
        # In turns: a signal that arrives just before an endless wait would never be handled.
        while not self._running.ended.wait(_SIGNALS_SECONDS):
            pass
        self._running.end()
        return self.death()

    def death(self) -> BackendUnavailableError:
        """Return the error for a server that ended by itself, with its last lines."""
        return server_error(self._running, f"tritonserver ended with {exit_text(self._running)}", str(self.repository))

    @property
    def _running(self) -> ServerProcess:
        if self._process is None:
            raise ConfigurationError(f"the server of {str(self.repository)!r} was not started; start it first")
        return self._process

    def _start(self) -> None:
        for _ in range(_BIND_ATTEMPTS - 1):
            try:
                self._start_once()
                return
            except _PortLostError:
                logger.info("another process took a port while the server started; trying other ports")
        self._start_once()

    def _start_once(self) -> None:
        """Start a process on the reserved ports and wait until it is ready; clean up if that fails."""
        # Each time: the supervisor of the attempt before has removed the links.
        prepared = prepare(self.repository, self._options, self._links, self._report)
        options, installation = self._options, prepared.installation
        may_move = self._reserve_ports()
        served = prepared.models if options.models else ()
        arguments = server_arguments(
            prepared.repository, options.host, self.ports, served, options.arguments, python_based=installation.is_old_core
        )
        command = [str(installation.binary), *arguments, *installation.arguments, *options.arguments]
        process = ServerProcess(command, prepared.variables, self._log, options.grace_seconds, self._links.folder)
        self._process = process
        names = [model.name for model in prepared.models]
        logger.info("starting Triton with %s of %s", count_of(len(names), "model"), self.repository)
        try:
            wait_until_ready(process, options, self.ports, names, str(self.repository))
        except BaseException as error:
            self._end_process()
            self._release_ports()
            if may_move and isinstance(error, BackendUnavailableError) and _lost_a_port(process):
                raise _PortLostError(str(error)) from error
            raise
        logger.info("Triton is ready: %s", self.grpc_url)

    def _reserve_ports(self) -> bool:
        """Reserve the ports unless they are; return whether others may be tried."""
        options = self._options
        choices = [options.ports] if options.other_ports is None else [options.ports, options.other_ports]
        may_move = self._reservation is None and choices[-1] == Ports()
        self._reservation = self._reservation or reserve(options.host, choices)
        if options.other_ports is not None and self.ports != options.ports:
            self._report(f"one of the ports {_port_list(options.ports)} is in use; using {_port_list(self.ports)} instead")
        return may_move

    def _release_ports(self) -> None:
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.end()


class _PortLostError(BackendUnavailableError):
    """Another process listens on a port that was free a moment ago."""


def _port_list(ports: Ports) -> str:
    return ", ".join(map(str, ports.by_kind().values()))


def _lost_a_port(process: ServerProcess) -> bool:
    return any(word in line.lower() for line in process.tail for word in _BIND_FAILURES)
