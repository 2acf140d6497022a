"""A Triton server of this process: started, ready, watched, ended."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from turnout.errors import BackendUnavailableError, ConfigurationError
from turnout_triton.server.arguments import server_arguments
from turnout_triton.server.environment import PrivateEnvironment, default_folder
from turnout_triton.server.installation import Installation, check_host, find_installation
from turnout_triton.server.options import ServerOptions
from turnout_triton.server.ports import PortReservation, Ports, reserve
from turnout_triton.server.process import ServerProcess
from turnout_triton.server.readiness import address, died, exit_text, wait_until_ready
from turnout_triton.server.regions import sweep_dead
from turnout_triton.server.repository import RepositoryModel, choose, read_repository

logger = logging.getLogger(__name__)

_BIND_ATTEMPTS = 5
_SIGNALS_SECONDS = 0.2
_BIND_FAILURES = ("already in use", "failed to start http", "failed to start grpc", "failed to start metrics")


class LocalServer:
    """A real tritonserver that serves ``repository``; a context manager, started by ``start`` or ``with``.

    It answers when ``start`` returns: every model was asked once. It never restarts by itself. When this process ends, even by
    ``kill -9``, the server's whole group ends with it. Not thread-safe, but for the urls.

    Attributes:
        ports: where it listens; they stay its own from the first ``start`` until ``close``.
    """

    def __init__(
        self,
        repository: Path | str,
        options: ServerOptions | None = None,
        *,
        log: Callable[[str], None] | None = None,
        tell: Callable[[str], None] = logger.info,
    ) -> None:
        """Declare a server; nothing is started yet.

        Args:
            repository: the folder of models, in Triton's layout.
            options: how it is started.
            log: takes each line that the server writes.
            tell: takes what a person who waits should know.
        """
        self.repository = Path(repository)
        self._options = options or ServerOptions()
        self._log = log or (lambda _: None)
        self._tell = tell
        self._reservation: PortReservation | None = None
        self._process: ServerProcess | None = None

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
        """The whole URL of the metrics."""
        return f"http://{address(self._options.host, self.ports.metrics)}/metrics"

    @property
    def pid(self) -> int:
        """The pid of tritonserver, which leads its process group."""
        return self._running.pid

    @property
    def running(self) -> bool:
        """Whether the process is there; it may be paused, or not ready yet."""
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
            BackendUnavailableError: the server ended, or was not ready in time; the message has its last lines.
        """
        if self.running:
            return
        sweep_dead()
        options = self._options
        models = choose(read_repository(self.repository), options.models, self.repository)
        environment = PrivateEnvironment(options.environment or default_folder(), self._tell, options.torch_index)
        installation = find_installation(models, options.binary, environment, self._tell)
        check_host(options.host, installation, self._tell)
        for _ in range(_BIND_ATTEMPTS - 1):
            try:
                self._start_once(installation, models)
                return
            except _PortTakenError:
                logger.info("a port was taken while the server started; others are tried")
        self._start_once(installation, models)

    def close(self) -> None:
        """End the server, its whole group and its shared memory; give the ports back. Does nothing the second time."""
        self._end_process()
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def kill(self) -> None:
        """Kill the server as a crash would, and wait until its group is gone; its ports stay reserved for ``restart``."""
        process = self._running
        process.signal(signal.SIGKILL)
        process.ended.wait()
        process.end()

    def pause(self) -> None:
        """Stop the server where it is: connections stay open and nothing answers."""
        self._running.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._running.signal(signal.SIGCONT)

    def restart(self) -> None:
        """End the server if it still runs, and start it again on the same ports."""
        self._end_process()
        self.start()

    def wait_for_death(self) -> BackendUnavailableError:
        """Wait until the server ends by itself, and return the error that says how, with its last lines."""
        # A signal that arrives just before a wait without an end would be handled when that wait ends: never.
        while not self._running.ended.wait(_SIGNALS_SECONDS):
            pass
        self._running.end()
        return self.death()

    def death(self) -> BackendUnavailableError:
        """Return the error for a server that ended by itself, with its last lines."""
        return died(self._running, f"tritonserver ended with {exit_text(self._running)}", str(self.repository))

    @property
    def _running(self) -> ServerProcess:
        if self._process is None:
            raise ConfigurationError(f"the server of {str(self.repository)!r} was not started; start it first")
        return self._process

    def _start_once(self, installation: Installation, models: Sequence[RepositoryModel]) -> None:
        """Start a process on the reserved ports and wait for it; leave nothing behind where that fails."""
        options = self._options
        choices = [options.ports] if options.other_ports is None else [options.ports, options.other_ports]
        may_move = self._reservation is None and choices[-1] == Ports()
        self._reservation = self._reservation or reserve(options.host, choices)
        if options.other_ports is not None and self.ports != options.ports:
            self._tell("one of the ports is taken; others are chosen")
        served = models if options.models else ()
        told = server_arguments(self.repository, options.host, self.ports, served, python_based=installation.is_old_core)
        command = [str(installation.binary), *told, *installation.arguments, *options.arguments]
        process = ServerProcess(command, installation.variables, self._log, options.grace_seconds)
        self._process = process
        names = [model.name for model in models]
        try:
            wait_until_ready(process, options.host, self.ports, names, str(self.repository), options.ready_timeout_seconds)
        except BaseException as error:
            self.close()
            if may_move and isinstance(error, BackendUnavailableError) and _lost_a_port(process):
                raise _PortTakenError(str(error)) from error
            raise

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.end()


class _PortTakenError(BackendUnavailableError):
    """Somebody else listens on a port that was free a moment ago."""


def _lost_a_port(process: ServerProcess) -> bool:
    return any(word in line.lower() for line in process.tail for word in _BIND_FAILURES)
