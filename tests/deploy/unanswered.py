"""The queries of a dashboard that a Prometheus has no data for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import promql_parser
from deploy.grafana.reading import ReadDashboard, fill
from tests.deploy.prometheus_server import Prometheus


def values(job: str, window_seconds: float, range_seconds: float) -> dict[str, str]:
    """Return what Grafana writes for its variables when everything is chosen."""
    return {
        "job": job,
        "instance": ".*",
        "model": ".*",
        "backend": ".*",
        "pipeline": ".*",
        "__rate_interval": f"{round(1000 * window_seconds)}ms",
        "__interval": "1s",
        "__range": f"{round(range_seconds)}s",
    }


def unanswered(
    dashboard: ReadDashboard, prometheus: Prometheus, filled: Mapping[str, str], start: float, end: float
) -> Iterator[str]:
    """Yield the place and the PromQL of each query that returns nothing but NaN between two times, and of each selector.

    A selector too: an operator such as ``or`` hides that one of its sides has a wrong name or label.
    """
    found: dict[str, bool] = {}
    for place, expression in dashboard.expressions():
        promql = fill(expression, filled)
        for part in (promql, *selectors(promql)):
            # Panels share selectors.
            if part not in found:
                found[part] = bool(prometheus.query_range(part, start, end))
            if not found[part]:
                yield f"{place}: {part}"
                break


def selectors(promql: str) -> list[str]:
    """Return every selector of an expression, without its range and offset."""
    found: list[str] = []

    def visit(one: object) -> None:
        if isinstance(one, promql_parser.VectorSelector):
            found.append(str(one).partition(" offset ")[0])

    promql_parser.walk(promql_parser.parse(promql), visit)
    return found
