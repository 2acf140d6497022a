"""One process that answers: an app, its ASGI application, and uvicorn."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uvicorn import Config

import turnout
from turnout_web.application import create_application
from turnout_web.examples.choice import choose_example
from turnout_web.server.announcement import Served
from turnout_web.server.draining import DrainingServer
from turnout_web.server.repeating import protocol_for
from turnout_web.settings import ServeSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The work of one process.

    Attributes:
        source: the turnout.yaml.
        watch: follow changes of the file.
    """

    source: Path
    settings: ServeSettings = field(default_factory=ServeSettings)
    watch: bool = True


def run_process(
    service: Service,
    sockets: Sequence[socket.socket],
    on_started: Callable[[DrainingServer, Served], None],
) -> None:
    """Open the app and answer on ``sockets`` until a signal; blocks. ``on_started`` is called when the first request can come.

    Raises:
        TurnoutError: the app cannot be opened.
    """
    with turnout.open(service.source, watch=service.watch) as app:
        server = build_server(create_application(app, service.settings), service.settings)
        served = Served(tuple(app.models), app.pipelines, choose_example(app))
        server.on_started = lambda: on_started(server, served)
        server.run(list(sockets))


def build_server(application: Any, settings: ServeSettings) -> DrainingServer:
    """Return the server of ``application``; it does not listen yet."""
    config = Config(
        application,
        http=protocol_for(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(settings.keep_alive_seconds),
        interface="asgi3",
    )
    return DrainingServer(config, settings)


async def serve_application(application: Any, settings: ServeSettings, sockets: Sequence[socket.socket]) -> None:
    """Answer with ``application`` on ``sockets`` until the task is cancelled, inside of an event loop of the caller."""
    server = build_server(application, settings)
    task = asyncio.ensure_future(server.serve(list(sockets)))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.end()
        await task
        raise
