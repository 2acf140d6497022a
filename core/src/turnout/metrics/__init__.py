"""Prometheus metrics: the only package that imports prometheus_client.

``turnout.metrics.render()`` returns the text of a scrape. ``turnout.metrics.shared_metrics().registry`` is the registry for
``prometheus_client.start_http_server(port, registry=...)``.
"""

from __future__ import annotations

from turnout.metrics.collection import Metrics, RequestMeter, render, shared_metrics
from turnout.metrics.families import LATENCY_BUCKETS_SECONDS
from turnout.metrics.labels import FallbackReason, Outcome, Verdict

__all__ = [
    "LATENCY_BUCKETS_SECONDS",
    "FallbackReason",
    "Metrics",
    "Outcome",
    "RequestMeter",
    "Verdict",
    "render",
    "shared_metrics",
]
