"""Several workers: each a process with an app of its own, on the same sockets."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from turnout import errors
from turnout.errors import ModelLoadError, TurnoutError
from turnout_web.server.announcement import Served
from turnout_web.server.draining import ENDING_SIGNALS
from turnout_web.server.process import Service
from turnout_web.server.worker import FAILED, READY, Report, run_worker

logger = logging.getLogger(__name__)

_LONGEST_PAUSE_SECONDS = 30.0
_GOOD_SECONDS = 10.0
# Later than a worker ends itself.
_KILL_SECONDS = 1.8


class Worker:
    """One worker process, and the pipe that ends it when it is closed."""

    def __init__(self, service: Service, sockets: Sequence[socket.socket]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=run_worker, args=(service, list(sockets), theirs), name="turnout-worker"
        )
        self.process.start()
        theirs.close()
        self.started = time.monotonic()
        self.ready = False

    def end(self) -> None:
        """Let the worker finish its requests and end."""
        with suppress(OSError):
            self.pipe.send(b"end")

    def kill(self) -> None:
        """End the worker at once, if it runs."""
        if self.process.is_alive() and self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)


class Workers:
    """Keeps ``settings.workers`` workers running, and closes ``sockets`` at the begin of the end.

    Belongs to the main thread, which gets the signals.
    """

    def __init__(self, service: Service, sockets: Sequence[socket.socket], on_ready: Callable[[Served], None]) -> None:
        self._service, self._sockets, self._on_ready = service, sockets, on_ready
        self._workers: list[Worker] = []
        self._announced = False
        self._signals = 0
        self._pause = 0.0
        self._due: list[float] = []
        self._wake, self._bell = os.pipe()
        os.set_blocking(self._bell, False)

    def run(self) -> None:
        """Run until a signal, then until all workers have ended; blocks.

        Raises:
            TurnoutError: a worker cannot start, and none has been ready yet.
        """
        heard = [number for number in ENDING_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._receive) for number in heard}
        try:
            for _ in range(self._service.settings.workers):
                self._workers.append(Worker(self._service, self._sockets))
            while not self._signals:
                self._watch()
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signals += 1
        if self._signals > 1:
            self._kill()
            os._exit(128 + number)
        with suppress(OSError):
            os.write(self._bell, b".")

    def _watch(self) -> None:
        now = time.monotonic()
        limit = max(0.0, min(self._due) - now) if self._due else None
        pipes = {worker.pipe: worker for worker in self._workers}
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        for found in wait([*pipes, *sentinels, self._wake], limit):
            if isinstance(found, Connection) and found in pipes:
                self._read(pipes[found])
            elif isinstance(found, int) and found in sentinels:
                self._replace(sentinels[found])
        for due in [due for due in self._due if due <= time.monotonic()]:
            self._due.remove(due)
            self._workers.append(Worker(self._service, self._sockets))

    def _read(self, worker: Worker) -> None:
        try:
            report: Report = worker.pipe.recv()
        except (EOFError, OSError):
            return self._replace(worker)
        if report.kind == FAILED and not self._announced:
            raise _rebuilt(report)
        if report.kind == FAILED:
            logger.error("a worker cannot start: %s", report.message)
        if report.kind == READY:
            worker.ready = True
            if not self._announced and all(one.ready for one in self._workers):
                self._announced = True
                self._on_ready(report.served)
        return None

    def _replace(self, worker: Worker) -> None:
        """Forget a worker that has ended, and start another one: at once, or after a pause if it did not run for long."""
        if worker not in self._workers:
            return
        worker.process.join(1.0)
        self._workers.remove(worker)
        with suppress(EOFError, OSError):
            if not self._announced and worker.pipe.poll() and (report := worker.pipe.recv()).kind == FAILED:
                raise _rebuilt(report)
        worker.pipe.close()
        code = worker.process.exitcode
        if not self._announced:
            raise ModelLoadError(f"a worker ended with code {code} before it could answer; see why with --workers 1")
        lasted = time.monotonic() - worker.started
        self._pause = 0.0 if lasted >= _GOOD_SECONDS else min(max(0.5, 2 * self._pause), _LONGEST_PAUSE_SECONDS)
        logger.warning("worker %s ended with code %s; another one starts in %g s", worker.process.pid, code, self._pause)
        self._due.append(time.monotonic() + self._pause)

    def _end(self) -> None:
        # Or the system would go on to accept for this process, which answers none.
        for listening in self._sockets:
            listening.close()
        for worker in self._workers:
            # One that still starts holds the sockets too, and has no request.
            if worker.ready or worker.pipe.poll():
                worker.end()
            else:
                worker.kill()
        limit = time.monotonic() + self._service.settings.drain_seconds + _KILL_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, limit - time.monotonic()))
        self._kill()

    def _kill(self) -> None:
        for worker in self._workers:
            worker.kill()


def _rebuilt(report: Report) -> TurnoutError:
    """Return the error of a worker as one of this process, so that the command ends with its line and its exit code."""
    kind = getattr(errors, report.error, ModelLoadError)
    if kind is errors.SettingsError or not issubclass(kind, TurnoutError):
        kind = errors.ConfigurationError
    found: TurnoutError = kind(report.message, next_step=report.next_step)
    return found
