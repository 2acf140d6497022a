"""Prometheus metrics: the only package that imports prometheus_client.

``turnout.metrics.render()`` returns the text of a scrape; ``wsgi_app()`` and ``asgi_app()`` answer one over HTTP.
"""

from __future__ import annotations

from turnout.metrics.collection import Metrics, RequestMeter
from turnout.metrics.families import LATENCY_BUCKETS_SECONDS, STEP_BUCKETS_SECONDS
from turnout.metrics.labels import FallbackReason, Outcome, Verdict
from turnout.metrics.shared import asgi_app, render, shared_metrics, wsgi_app

__all__ = [
    "LATENCY_BUCKETS_SECONDS",
    "STEP_BUCKETS_SECONDS",
    "FallbackReason",
    "Metrics",
    "Outcome",
    "RequestMeter",
    "Verdict",
    "asgi_app",
    "render",
    "shared_metrics",
    "wsgi_app",
]
