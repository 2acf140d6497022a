"""The row *Pressure* of the overview: what waits, what is refused, who is there."""

from __future__ import annotations

from deploy.grafana.arms import NAME, NO_REQUESTS
from deploy.grafana.expressions import APP, ARM, MODEL, SERVER_JOB, rate_of_seen, total
from deploy.grafana.frames import Row
from deploy.grafana.panels import About, Query, lines


def pressure() -> Row:
    """Return the row."""
    return Row(
        "Pressure",
        (
            lines(
                About("In flight", "Requests that callers wait for, over all processes.", "short", NO_REQUESTS, width=6),
                Query(f"sum by (model, backend) (turnout_inference_in_flight{{{ARM}}})", NAME),
            ),
            lines(
                About(
                    "Queue depth",
                    "Requests that wait in the apps for their batch. On a server they wait there: see the dashboard Triton.",
                    "short",
                    "no model merges or queues requests in the app",
                    width=6,
                ),
                Query(f"sum by (model, backend) (turnout_queue_depth{{{ARM}}})", NAME),
            ),
            lines(
                About(
                    "Executor queue",
                    "Work of pipelines and event loops that waits for a thread of the app. If it grows, raise "
                    "executor_threads or start more processes.",
                    "short",
                    "the apps do not export it",
                    width=6,
                ),
                Query(f"sum by (pool) (turnout_executor_queue_depth{{{APP}}})", "{{pool}}"),
            ),
            lines(
                About(
                    "Fallbacks and refusals",
                    "Requests that another backend answered, by reason, and requests that were refused before they reached "
                    "one.",
                    "reqps",
                    "nothing fell back or was refused",
                    width=6,
                ),
                Query(
                    rate_of_seen("model, backend, to, reason", f"turnout_fallbacks_total{{{MODEL}}}"),
                    "{{model}}: {{backend}} to {{to}}, {{reason}}",
                ),
                Query(
                    rate_of_seen("model, backend, reason", f"turnout_refused_requests_total{{{ARM}}}"),
                    f"{NAME} refused, {{{{reason}}}}",
                ),
            ),
            lines(
                About(
                    "Targets",
                    "1 where Prometheus reaches an app or a server, 0 where it does not.",
                    "short",
                    "no target",
                    12,
                    6,
                ),
                Query(f'up{{job=~"$job|{SERVER_JOB}"}}', "{{job}} {{instance}}"),
            ),
            lines(
                About(
                    "Versions of Turnout",
                    "Instances by the installed version; two lines while a new one rolls out.",
                    "short",
                    "no app is scraped",
                    12,
                    6,
                ),
                Query(total("version", f"turnout_build_info{{{APP}}}"), "{{version}}"),
            ),
        ),
    )
