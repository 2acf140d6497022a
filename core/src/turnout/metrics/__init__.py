"""The only room that speaks Prometheus.

``turnout.metrics.render()`` is the text that a scrape gets; ``turnout.metrics.shared_metrics().registry`` is what
``prometheus_client.start_http_server(port, registry=...)`` serves.
"""

from __future__ import annotations

from turnout.metrics.calls import Durations, InFlight
from turnout.metrics.collection import Metrics, PipelineMeter, RequestMeter, render, shared_metrics
from turnout.metrics.families import LATENCY_BUCKETS_SECONDS, OUTCOMES

__all__ = [
    "LATENCY_BUCKETS_SECONDS",
    "OUTCOMES",
    "Durations",
    "InFlight",
    "Metrics",
    "PipelineMeter",
    "RequestMeter",
    "render",
    "shared_metrics",
]
