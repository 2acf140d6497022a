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
MODEL_INFO = GaugeFamily(
    "turnout_model_info",
    (*_ARM, "version", "sha256"),
    "none",
    "1 for the version of a model that answers, 0 for those before it. `version` is empty for a model outside of a model "
    "repository; `sha256` is that of its file, as `sha256sum` prints it, of several files that of their names and SHA-256s, "
    "and empty where the file is not on this machine; `turnout status` shows another number, the fingerprint of the version's "
    "folder. The series appears when the model is open and its file has been read.",
    "livemax",
)
REPLICA_UP = GaugeFamily(
    "turnout_replica_up",
    (*_ARM, "replica"),
    "none",
    "1 if a server of a model answered its last request or check, else 0. `replica` is its place in the list of URLs, from 0 "
    "on. A server that failed is asked each second until it is ready. In several processes 0 if one of them cannot reach it.",
    "livemin",
)
TRANSFER_BYTES = CounterFamily(
    "turnout_transfer_bytes_total",
    (*_ARM, "transport", "direction"),
    "bytes",
    "Bytes of tensors to a model's servers (`sent`) and back (`received`), in messages (`wire`, before compression) and "
    "through shared memory (`shared_memory`, of a server on this host).",
)
