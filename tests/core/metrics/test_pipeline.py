"""Metrics of one pipeline's runs."""

from __future__ import annotations

from turnout.metrics import Metrics
from turnout.metrics.labels import PipelineOutcome, StepFailureReason


def test_every_series_exists_before_the_first_run() -> None:
    metrics = Metrics()
    metrics.pipeline("p", {"s": ("process",), "t": ("preprocess",)})

    text = metrics.render()

    for outcome in PipelineOutcome:
        assert f'turnout_pipeline_runs_total{{outcome="{outcome}",pipeline="p"}} 0.0' in text
    for step in "st":
        for reason in StepFailureReason:
            assert f'turnout_step_failures_total{{pipeline="p",reason="{reason}",step="{step}"}} 0.0' in text


def test_a_failure_is_counted_for_its_step_and_reason() -> None:
    metrics = Metrics()
    meter = metrics.pipeline("p", {"s": ("process",)})

    meter.count_failure("s", StepFailureReason.INVALID_INPUT)
    meter.count_failure("s", StepFailureReason.INVALID_INPUT)

    labels = {"pipeline": "p", "step": "s", "reason": "invalid_input"}
    assert metrics.registry.get_sample_value("turnout_step_failures_total", labels) == 2
