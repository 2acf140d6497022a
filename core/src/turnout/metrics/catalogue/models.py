"""Families of the requests, executions and batches of a model on a backend."""

from __future__ import annotations

from turnout.metrics.declaration import CounterFamily, GaugeFamily, HistogramFamily

_ARM = ("model", "backend")

REQUESTS = CounterFamily(
    "turnout_inference_requests_total",
    (*_ARM, "outcome"),
    "requests",
    "Requests to a model's backend, by outcome. A request that the check of its tensors refuses counts for the serving "
    "backend.",
)
REQUEST_SECONDS = HistogramFamily(
    "turnout_inference_duration_seconds",
    _ARM,
    "seconds",
    "From a request's arrival to its answer or error, waiting included: what users feel.",
)
IN_FLIGHT = GaugeFamily("turnout_inference_in_flight", _ARM, "requests", "Requests in flight.", "livesum")
EXECUTION_SECONDS = HistogramFamily(
    "turnout_execution_duration_seconds",
    _ARM,
    "seconds",
    "The backend's own time for one execution, failed ones included, cancelled ones not. Without batching in this process "
    "nothing waits between a request and its execution, and one measurement feeds both histograms; with it an execution is a "
    "batch, and has no queue time.",
)
QUEUE_SECONDS = HistogramFamily(
    "turnout_queue_duration_seconds",
    _ARM,
    "seconds",
    "The wait of a request in the queue of this process until its batch ran; 0 for one that ran at once. Requests that were "
    "refused or left are not in it.",
)
QUEUE_DEPTH = GaugeFamily(
    "turnout_queue_depth", _ARM, "requests", "Requests that wait in this process for their batch.", "livesum"
)
BATCH_SIZE = HistogramFamily("turnout_batch_size", _ARM, "rows", "Rows of one execution.")
ROWS = CounterFamily("turnout_inference_rows_total", _ARM, "rows", "Rows of all executions.")
EXECUTIONS = CounterFamily(
    "turnout_executions_total",
    _ARM,
    "executions",
    "Executions; a batch is one, and each request of a failed batch is one more.",
)
LOAD_SECONDS = HistogramFamily("turnout_model_load_duration_seconds", _ARM, "seconds", "The time to open a model.")
