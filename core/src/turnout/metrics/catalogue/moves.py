"""Families of the frames between a caller and a backend: fallbacks, circuits, refusals, shadows, recordings."""

from __future__ import annotations

from turnout.metrics.declaration import CounterFamily, GaugeFamily, HistogramFamily

_ARM = ("model", "backend")
_SHADOW = ("model", "backend", "shadow")

FALLBACKS = CounterFamily(
    "turnout_fallbacks_total",
    ("model", "backend", "to", "reason"),
    "requests",
    "Requests that went to another backend: by a fallback, or instead of an unavailable canary.",
)
CIRCUIT_OPEN = GaugeFamily("turnout_circuit_open", _ARM, "none", "1 while the circuit of a backend is open.", "livemax")
CIRCUIT_PROBES = CounterFamily(
    "turnout_circuit_probes_total",
    _ARM,
    "requests",
    "Requests that a circuit sent itself, to learn whether a backend fails or the callers' requests are wrong. "
    "`turnout_inference_requests_total` counts them too.",
)
REFUSED_REQUESTS = CounterFamily(
    "turnout_refused_requests_total",
    (*_ARM, "reason"),
    "requests",
    "Requests that were refused before they reached the backend: `circuit_open`, `max_in_flight`, `queue_full`, "
    "`invalid_tensors`. The last counts for the serving backend, and is an `invalid_request` of "
    "`turnout_inference_requests_total` too.",
)
LATE_EXECUTIONS = CounterFamily(
    "turnout_late_executions_total",
    _ARM,
    "requests",
    "Requests that still ran when their callers left, because of a deadline or a cancellation: in a thread for an event loop, "
    "or in a batch of this process. They run to their end, and their answers are dropped. `max_in_flight` counts those in "
    "threads until then.",
)
RETRIES = CounterFamily(
    "turnout_retries_total",
    _ARM,
    "requests",
    "Requests that never reached the backend, or were refused before they ran, and were sent a second time.",
)
SHADOW_COMPARISONS = CounterFamily(
    "turnout_shadow_comparisons_total",
    (*_SHADOW, "verdict"),
    "requests",
    "Requests that were mirrored to a shadow: `match`, `mismatch`, `error`, `dropped`.",
)
PARITY_ERROR = HistogramFamily(
    "turnout_parity_max_abs_error",
    _SHADOW,
    "none",
    "The greatest difference between an answer of a shadow and the primary's.",
)
SHADOW_SECONDS = HistogramFamily(
    "turnout_shadow_duration_seconds",
    (*_ARM, "role"),
    "seconds",
    "The latency of the two answers to a request that a shadow answered too: `serves`, the primary's, and `shadow`, the "
    "shadow's own.",
)
SERVING = GaugeFamily(
    "turnout_serving",
    (*_ARM, "role"),
    "none",
    "1 while turnout.yaml gives the backend this role for the model: `serves`, `canary`, `shadow`, `fallback`; else 0. Every "
    "backend that the model names has all four from the start, before the model is opened; all are 0 after the app is closed.",
    "livemax",
)
CANARY_WEIGHT = GaugeFamily(
    "turnout_canary_weight",
    _ARM,
    "ratio",
    "The share of the model's requests that goes to the backend as a canary; 0 while it is none.",
    "livemax",
)
RECORDED_REQUESTS = CounterFamily(
    "turnout_recorded_requests_total",
    ("model", "outcome"),
    "requests",
    "Requests chosen to be recorded: `recorded`, `dropped`, `full`, `failed`.",
)
