"""The metrics that all apps of a process share, and the ways to scrape them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import Metric

from turnout.errors import ConfigurationError
from turnout.metrics.collection import Metrics
from turnout.metrics.exposition import ASGIApplication, scrape_asgi, scrape_wsgi
from turnout.metrics.families import LATENCY_BUCKETS_SECONDS, STEP_BUCKETS_SECONDS
from turnout.metrics.process_files import VARIABLE, is_multiprocess
from turnout.metrics.process_sum import collect_processes

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_shared: list[Metrics] = []
_shared_lock = threading.Lock()


def shared_metrics(
    buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS, step_buckets: tuple[float, ...] = STEP_BUCKETS_SECONDS
) -> Metrics:
    """Return the metrics of this process. All its apps share them, unless an app is opened with its own.

    Raises:
        ConfigurationError: the metrics of this process were created with other buckets.
    """
    with _shared_lock:
        if not _shared:
            _shared.append(Metrics(buckets, step_buckets))
        metrics = _shared[0]
    _check_buckets("latency_buckets_seconds", buckets, metrics.buckets)
    _check_buckets("step_buckets_seconds", step_buckets, metrics.step_buckets)
    return metrics


def render() -> str:
    """Return the shared metrics of this process in Prometheus' text format."""
    first = _shared[0] if _shared else None
    return (first or shared_metrics()).render()


def wsgi_app() -> WSGIApplication:
    """Return a WSGI application that answers every path with the shared metrics of this process; mount it at ``/metrics``.

    In the multi-process mode it answers with the sum over all processes. Before an app is open there is nothing to answer.
    """
    return scrape_wsgi(_collect)


def asgi_app() -> ASGIApplication:
    """Return an ASGI application that answers as ``wsgi_app`` does."""
    return scrape_asgi(_collect)


def _collect() -> Iterable[Metric]:
    if _shared:
        return _shared[0].collect()
    # Metrics are not created here: an app that is opened later may want other buckets.
    return collect_processes(Path(os.environ[VARIABLE])) if is_multiprocess() else ()


def _check_buckets(key: str, asked: tuple[float, ...], there: tuple[float, ...]) -> None:
    if asked != there:
        raise ConfigurationError(
            f"metrics.{key} is {list(asked)}, but the metrics of this process have {list(there)}; open both apps with the same "
            "buckets, or give one its own: open(..., metrics=turnout.metrics.Metrics(buckets))"
        )
