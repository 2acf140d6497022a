"""The demo's app behind a server in a thread of this process, on a port of loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

import turnout
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings

REPOSITORY = Path(__file__).parents[3]
PICTURES = REPOSITORY / "examples" / "pictures"
LIMIT_SECONDS = 30


@contextmanager
def serving(app: turnout.Turnout, settings: ServeSettings) -> Iterator[str]:
    """Yield the address of a server of ``app``."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_application(app, settings), log_config=None, lifespan="off", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), name="demo-server", daemon=True)
        started = threading.Event()
        config.load()
        original = server.startup

        async def startup(sockets: list[socket.socket] | None = None) -> None:
            await original(sockets)
            started.set()

        server.startup = startup  # type: ignore[method-assign]
        thread.start()
        assert started.wait(LIMIT_SECONDS)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
