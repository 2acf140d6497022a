"""Asking a server in each of the ways there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from turnout_triton.server import LocalServer

Result = TypeVar("Result")
WIRE: Mapping[str, Any] = {"shared_memory": "off"}
SHARED: Mapping[str, Any] = {"shared_memory": "auto", "shared_memory_threshold_bytes": 0}


def url_of(server: LocalServer, protocol: str) -> str:
    """Return the URL of ``server`` for ``grpc`` or ``http``."""
    return f"{protocol}://{server.grpc_url if protocol == 'grpc' else server.http_url}"


def settings(url: Any, *names: str, **options: Any) -> dict[str, Any]:
    """Return a turnout.yaml as a dict: these models at ``url``."""
    backends = {"triton": {"url": url, **options}}
    return {"models": {name: {"backend": "triton", "backends": backends} for name in names}}


def in_time(work: Callable[[], Result], seconds: float) -> Result:
    """Return what ``work`` returns; of three attempts one ends within ``seconds``: others keep the machine busy."""
    for _ in range(3):
        start = time.monotonic()
        result = work()
        took = time.monotonic() - start
        if took < seconds:
            return result
    raise AssertionError(f"took {took:.3f} s, three times over {seconds} s")


def until(claim: Callable[[], bool], seconds: float) -> float:
    """Return how long it takes until ``claim`` holds; AssertionError after ``seconds``."""
    start = time.monotonic()
    while not claim():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.002)
    return time.monotonic() - start
