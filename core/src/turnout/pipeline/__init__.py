"""Pipelines: steps that prepare requests and read responses, in an order that is checked before the first run."""

from __future__ import annotations

from turnout.errors import StepFailure
from turnout.pipeline.context import PipelineContext
from turnout.pipeline.plan import PipelinePlan, plan_pipeline
from turnout.pipeline.result import PipelineResult
from turnout.pipeline.runner import Pipeline, PipelineObserver
from turnout.pipeline.step import PipelineStep
from turnout.pipeline.step_input import StepInput
from turnout.pipeline.step_part import AnsweredBy, StepPart

__all__ = [
    "AnsweredBy",
    "Pipeline",
    "PipelineContext",
    "PipelineObserver",
    "PipelinePlan",
    "PipelineResult",
    "PipelineStep",
    "StepFailure",
    "StepInput",
    "StepPart",
    "plan_pipeline",
]
