"""Pipelines: steps that prepare requests and read responses, in an order that is checked before the first run."""

from __future__ import annotations

from turnout.errors import StepFailure
from turnout.pipeline.context import PipelineContext
from turnout.pipeline.plan import PipelinePlan, plan_pipeline
from turnout.pipeline.result import PipelineResult
from turnout.pipeline.runner import Pipeline, PipelineObserver
from turnout.pipeline.step import PipelineStep

__all__ = [
    "Pipeline",
    "PipelineContext",
    "PipelineObserver",
    "PipelinePlan",
    "PipelineResult",
    "PipelineStep",
    "StepFailure",
    "plan_pipeline",
]
