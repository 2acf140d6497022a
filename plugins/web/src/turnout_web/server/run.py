"""A server from its sockets to its end: one process, or several workers."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout.metrics.process_files import VARIABLE
from turnout_web.server.announcement import Served
from turnout_web.server.process import Service, run_process
from turnout_web.server.sockets import bind, url_of
from turnout_web.server.workers import Workers
from turnout_web.settings import ServeSettings

Announce = Callable[[str, Served, ServeSettings], None]

_PREFIX = "turnout-serve-metrics-"


def run_server(file: Path, settings: ServeSettings, *, watch: bool, announce: Announce) -> None:
    """Serve the app of ``file`` until a signal; blocks. ``announce`` is called when the first request can come.

    Raises:
        TurnoutError: nothing can listen there, or the app cannot be opened.
    """
    # Before the models open, which takes a while: a port in use must not cost that time.
    sockets = bind(settings.host, settings.port, file)
    url = url_of(settings.host, sockets[0].getsockname()[1])
    service = Service(file, settings, watch)
    try:
        if settings.workers == 1:
            run_process(service, sockets, lambda _, served: announce(url, served, settings))
            return
        with _shared_metrics():
            Workers(service, sockets, lambda served: announce(url, served, settings)).run()
    finally:
        for listening in sockets:
            listening.close()


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """Let the workers share a folder for their metrics, unless the user has named one."""
    if VARIABLE in os.environ:
        yield
        return
    os.environ[VARIABLE] = folder = tempfile.mkdtemp(prefix=_PREFIX)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
