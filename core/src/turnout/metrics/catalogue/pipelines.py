"""Families of pipelines and their steps."""

from __future__ import annotations

from turnout.metrics.declaration import CounterFamily, HistogramFamily

RUNS = CounterFamily(
    "turnout_pipeline_runs_total",
    ("pipeline", "outcome"),
    "runs",
    "Runs of a pipeline: `ok`; `partial`, which returned with failures; `failed`, which raised; `invalid_request`, which the "
    "caller's inputs failed.",
)
RUN_SECONDS = HistogramFamily(
    "turnout_pipeline_duration_seconds",
    ("pipeline",),
    "seconds",
    "A whole run of a pipeline that ended without an error, `ok` or `partial`.",
)
STEP_SECONDS = HistogramFamily(
    "turnout_step_duration_seconds",
    ("pipeline", "step", "part"),
    "seconds",
    "One part of a step in such a run: `preprocess`, `inference`, `postprocess`, or `process` of a step without a model.",
)
STEP_FAILURES = CounterFamily(
    "turnout_step_failures_total",
    ("pipeline", "step", "reason"),
    "failures",
    "Failures of a step: `invalid_input`, a picture, a region or another input that is unusable, and those of the outcomes "
    "below that are failures. A step counts each of its failed parts, so a run may have several. A deadline of the run counts "
    "for each step at work.",
)
