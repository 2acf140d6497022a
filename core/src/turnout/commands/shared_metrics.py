"""The metrics that several processes have written to a folder: as a text, and on a port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from turnout.errors import ConfigurationError
from turnout.metrics.exposition import scrape_text, scrape_wsgi
from turnout.metrics.process_sum import collect_processes
from turnout.serving.port.problem import port_problem
from turnout.serving.port.server import RouteServer


def read_metrics(folder: Path) -> str:
    """Return the text of a scrape of ``folder``; empty if no process has written to it.

    Raises:
        ConfigurationError: there is no such folder.
    """
    if not folder.is_dir():
        step = "name the folder that PROMETHEUS_MULTIPROC_DIR has where the workers run"
        raise ConfigurationError(
            f"there is no folder {str(folder)!r} with metrics of several processes; {step}", next_step=step
        )
    return scrape_text(partial(collect_processes, folder))


@contextmanager
def answer_scrapes(folder: Path, address: str, port: int) -> Iterator[Callable[[], None]]:
    """Answer scrapes of ``folder`` at ``/metrics`` in the block; yield a function that blocks until a signal ends it.

    Raises:
        ConfigurationError: nothing can listen there.
    """
    routes = {"/metrics": scrape_wsgi(partial(collect_processes, folder))}
    try:
        server = RouteServer(str(ip_address(address)), port, routes)
    except ValueError as error:
        step = "give --address an IP address of this machine, such as 127.0.0.1"
        raise ConfigurationError(f"--address {address!r} is no IP address; {step}", next_step=step) from error
    except OSError as error:
        step = "give another --port or --address, or stop what listens there"
        raise ConfigurationError(port_problem("--port", address, port, error, step), next_step=step) from error
    server.start()
    try:
        yield threading.Event().wait  # type: ignore[misc]  # its result says nothing here
    finally:
        server.stop()
