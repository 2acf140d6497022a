"""The rows *Batches and engines* and *Processes* of the overview: what happens inside the apps."""

from __future__ import annotations

from deploy.grafana.arms import NAME, NO_REQUESTS
from deploy.grafana.expressions import APP, ARM, MODEL, quantile, rate_by, rate_of_seen
from deploy.grafana.frames import Row
from deploy.grafana.panels import About, Query, lines

BY = "model, backend"
NO_QUEUE = "no model merges or queues requests in the app"
SEVERAL = "not exported: each app has several processes"


def batches() -> Row:
    """Return the row of queues, batches and executions in the apps."""
    mean = f"{rate_by(BY, f'turnout_inference_rows_total{{{ARM}}}')} / {rate_by(BY, f'turnout_executions_total{{{ARM}}}')}"
    return Row(
        "Batches and engines, in the apps",
        (
            lines(
                About(
                    "Wait in the queue p95", "95 % of the requests waited at most this long for their batch.", "s", NO_QUEUE, 6
                ),
                Query(quantile(0.95, BY, "turnout_queue_duration_seconds", ARM), NAME),
            ),
            lines(
                About("Execution p95", "The backend's own time: a batch is one execution.", "s", NO_REQUESTS, 6),
                Query(quantile(0.95, BY, "turnout_execution_duration_seconds", ARM), NAME),
            ),
            lines(
                About(
                    "Rows of an execution", "The mean, and the size that 95 % of the batches stay below.", "short", NO_QUEUE, 6
                ),
                Query(mean, f"{NAME}, mean"),
                Query(quantile(0.95, BY, "turnout_batch_size", ARM), f"{NAME}, p95"),
            ),
            lines(
                About("Time to open a model", "The mean since the apps started.", "s", NO_REQUESTS, 6),
                Query(
                    f"sum by ({BY}) (turnout_model_load_duration_seconds_sum{{{ARM}}}) / "
                    f"sum by ({BY}) (turnout_model_load_duration_seconds_count{{{ARM}}})",
                    NAME,
                ),
            ),
            lines(
                About(
                    "Late executions and probes",
                    "Executions that went on after their callers had left, and requests that a circuit sent itself.",
                    "reqps",
                    "no caller has left early, and no circuit has asked",
                    width=12,
                    height=6,
                ),
                Query(rate_by(BY, f"turnout_late_executions_total{{{ARM}}}"), f"{NAME} late"),
                Query(rate_by(BY, f"turnout_circuit_probes_total{{{ARM}}}"), f"{NAME} probes"),
            ),
            lines(
                About(
                    "Recordings",
                    "Requests chosen to be recorded, by outcome. full: the folder has reached its limit.",
                    "reqps",
                    "no request was recorded",
                    width=12,
                    height=6,
                ),
                Query(rate_of_seen("model, outcome", f"turnout_recorded_requests_total{{{MODEL}}}"), "{{model}} {{outcome}}"),
            ),
        ),
    )


def processes() -> Row:
    """Return the row of processes; prometheus_client exports them for one process alone."""
    return Row(
        "Processes: apps of one process each",
        (
            lines(
                About("CPU", "Cores in use.", "short", SEVERAL),
                Query(rate_by("instance", f"process_cpu_seconds_total{{{APP}}}"), "{{instance}}"),
            ),
            lines(
                About("Memory", "Resident memory: if it grows for hours under the same load, report a leak.", "bytes", SEVERAL),
                Query(f"process_resident_memory_bytes{{{APP}}}", "{{instance}}"),
                Query(f"process_virtual_memory_bytes{{{APP}}}", "{{instance}} virtual"),
            ),
            lines(
                About("Open files", "As a share of the limit; at 100 % new connections fail.", "percentunit", SEVERAL),
                Query(f"process_open_fds{{{APP}}} / process_max_fds{{{APP}}}", "{{instance}}"),
            ),
        ),
    )
